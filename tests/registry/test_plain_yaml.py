"""Restricted YAML: JSON's types, one reading."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import plain_yaml

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.floats(1e21, 1e300)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("null", None), ("true", True), ("false", False), ("0", 0), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0),
        ("on", "on"), ("yes", "yes"), ("No", "No"), ("True", "True"), ("NULL", "NULL"), ("~", "~"), ("y", "y"),
        ("1_000", "1_000"), ("0o7", "0o7"), ("0x1F", "0x1F"), ("010", "010"), ("+1", "+1"), (".5", ".5"), ("5.", "5."),
        ("12:30:45", "12:30:45"), ("2026-11-21", "2026-11-21"), (".inf", ".inf"), (".nan", ".nan"), ("=", "="),
        ("'1'", "1"), ('"true"', "true"), ("1.1.0", "1.1.0"), ("٣", "٣"),
    ],
)  # fmt: skip
def test_a_plain_scalar_is_what_json_says(loader: Any, written: str, read: object) -> None:
    value = plain_yaml.loads(f"value: {written}\n".encode(), loader=loader)
    assert value == {"value": read}
    assert type(value["value"]) is type(read)


def test_a_block_of_text_is_text() -> None:
    assert plain_yaml.loads(b"value: |-\n  1\n") == {"value": "1"}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("a: 1\nb: &x 1", "line 2: the anchor &x"),
        ("a: 1\nb: *x", "line 2: the alias *x"),
        ("a: !!str 1", "line 1: the tag"),
        ("a: ! 1", "line 1: the tag"),
        ("a: !!python/name:os.system x", "line 1: the tag"),
        ("--- !!map {a: 1}", "line 1: the tag"),
        ("a: 1\n<<: {b: 2}", "line 2: a merge key"),
        ("%YAML 1.1\n---\na: 1", "a directive"),
        ("a: 1\n---\nb: 1", "a second document"),
        ("a: 1\nb: 2\n'a': 3", "line 3: the member 'a' a second time"),
        ("a: {b: 1, b: 2}", "line 1: the member 'b' a second time"),
        ('{"a": 1, "a": 2}', "line 1: the member 'a' a second time"),
        ("a: 1\nb:", "line 2: an empty value"),
        ("? [a]\n: 1", "a member name that is not a string"),
        ("a: " + "[" * 100 + "]" * 100, "nesting deeper than 32"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "nesting deeper than 32"),
        ("a: 1e999", "too large"),
        ('{"a": 1e999}', ""),
        ("a: 9007199254740992", "beyond 2^53-1"),
        ("a: " + "9" * 5000, "too many digits"),
        ('a: "\\ud800"', ""),
        ('{"a": "\\ud800"}', ""),
        ("a: \x00", ""),
        ("a: [1", "line"),
        ("", "empty"),
        ("# nothing", "empty"),
    ],
)
def test_what_has_no_one_reading_is_refused(loader: Any, written: str, reason: str) -> None:
    with pytest.raises(FabricError) as caught:
        plain_yaml.loads(written.encode(), loader=loader)
    assert caught.value.code is Code.MANIFEST_SYNTAX
    assert reason in caught.value.message


@pytest.mark.parametrize("raw", [b"a: \xff", "a: 1".encode("utf-16"), b"\xc0\x80: 1"])
def test_what_is_not_utf_8_is_refused(raw: bytes) -> None:
    with pytest.raises(FabricError) as caught:
        plain_yaml.loads(raw)
    assert caught.value.code is Code.MANIFEST_SYNTAX


def test_json_is_read_as_json() -> None:
    assert plain_yaml.loads(b'{\t"a":"\\/\\ud83d\\ude00"}') == {"a": "/\U0001f600"}


def test_a_byte_order_mark_changes_nothing() -> None:
    assert plain_yaml.loads(b"\xef\xbb\xbfa: 1") == {"a": 1}


@given(st.dictionaries(text, json_values, max_size=5))
def test_what_is_written_reads_back_the_same_with_every_parser(value: dict[str, Any]) -> None:
    try:
        written = plain_yaml.dumps(value).encode()
    except FabricError as error:  # a character that YAML cannot hold in any form
        assert error.code is Code.MANIFEST_SYNTAX
        return
    for loader in LOADERS:
        assert canonical.dumps(plain_yaml.loads(written, loader=loader)) == canonical.dumps(value)


@given(st.dictionaries(text, json_values, max_size=5))
def test_json_text_reads_as_itself(value: dict[str, Any]) -> None:
    assert canonical.dumps(plain_yaml.loads(canonical.dumps(value))) == canonical.dumps(value)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_but_never_breaks(raw: bytes) -> None:
    try:
        canonical.dumps(plain_yaml.loads(raw))
    except FabricError as error:
        assert error.code is Code.MANIFEST_SYNTAX
