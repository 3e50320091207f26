"""Canonical JSON: one serialization, the same from either serializer, and nothing that has none."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from infrafabric.kernel.canonical import MAX_DEPTH, dumps, loads, sha256, signed_bytes
from infrafabric.kernel.errors import Code, FabricError

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not (x.is_integer() and 2**53 <= abs(x) < 1e21))
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=30,
)


@given(values)
def test_bytes_are_those_of_rfc8785(value: Any) -> None:
    assert dumps(value) == rfc8785.dumps(value)


@settings(deadline=None)
@given(st.floats(1e-6, 9e15) | st.floats(-9e15, -1e-6) | st.floats(0, 1))
def test_fractions_are_written_as_rfc8785_writes_them(number: float) -> None:
    assert dumps({"raw": number}) == rfc8785.dumps({"raw": number})


@settings(deadline=None)
@given(values, st.booleans())
def test_both_parsers_read_the_same(value: Any, compact: bool) -> None:
    text = json.dumps(value, separators=(",", ":") if compact else None, ensure_ascii=not compact)
    assert repr(loads(text.encode())) == repr(loads(text)) == repr(value)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', "[NaN]", "[1e400]", '{"a":"\\ud800"}', "[1] 2"]
)
def test_what_compact_json_may_not_hold_is_refused(text: str) -> None:
    with pytest.raises(FabricError) as refused:
        loads(text.encode())
    assert refused.value.code is Code.JSON_INVALID


@given(values)
def test_parsing_and_serializing_again_changes_nothing(value: Any) -> None:
    once = dumps(value)
    assert dumps(json.loads(once)) == once


def test_rfc8785_section_3_2_3_sorts_by_utf16_code_units() -> None:
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(dumps(names)).values()) == [2, 4, 6, 7, 1, 5, 3]


@pytest.mark.parametrize(
    "value",
    [
        2**53,
        -(2**53),
        float("nan"),
        float("inf"),
        2.0**53,
        -1e20,
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        b"x",
        {"a": object()},
    ],
)
def test_refuses_what_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(FabricError) as refusal:
        dumps(value)
    assert refusal.value.code is Code.JSON_INVALID


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', "NaN", "[1e999]", "9007199254740993", "[" * 200 + "]" * 200, "[" * 100_000, "", "{", '"\\ud800"'],
)
def test_refuses_json_that_reads_two_ways(text: str) -> None:
    with pytest.raises(FabricError) as refusal:
        loads(text)
    assert refusal.value.code is Code.JSON_INVALID


@pytest.mark.parametrize(
    "data", ['{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32"), b"\x00junk", b"\xff", b'"\xc0\x80"']
)
def test_refuses_json_that_is_not_utf8(data: bytes) -> None:
    with pytest.raises(FabricError) as refusal:
        loads(data)
    assert refusal.value.code is Code.JSON_INVALID


def test_depth_is_bounded_both_ways() -> None:
    deepest: Any = []
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]
    assert loads(dumps(deepest)) == deepest
    with pytest.raises(FabricError):
        dumps([deepest])


def test_size_is_bounded() -> None:
    with pytest.raises(FabricError) as refusal:
        loads(b'"' + b"x" * 100 + b'"', limit=50)
    assert refusal.value.code is Code.TOO_LARGE


def test_known_answer() -> None:
    assert signed_bytes("infrafabric-test-v1", {"b": [1, True, None], "a": "é"}) == (
        b'infrafabric-test-v1\n{"a":"\xc3\xa9","b":[1,true,null]}'
    )
    assert sha256(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
