"""What a peer's JSON becomes before a guest sees it."""

from __future__ import annotations

import enum
import math
import threading
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.jsonanswer import ASIDE, seen, seen_aside


def redactor() -> SecretRedactor:
    one = SecretRedactor()
    one.learn("12345678")
    one.learn("correct-horse")
    return one


def test_what_holds_no_secret_is_as_it_came() -> None:
    value = {"a": [1, 2.5, True, None, "x"], "ü": {}}
    assert seen(value, "a@b", 100, redactor()) is value


def test_secrets_are_masked_in_texts_names_and_numbers() -> None:
    value = {"correct-horse": ["is correct-horse", 12345678, {"x": -12345678.0}, True]}
    masked = seen(value, "a@b", 200, redactor())
    assert list(masked) == ["[***]"]
    assert masked["[***]"][0] == "is [***]"
    assert "12345678" not in str(masked)
    assert masked["[***]"][3] is True


@pytest.mark.parametrize("value", [{"a": 2**53}, {"a": float("nan")}, {"a": "\ud800"}])
def test_what_json_cannot_carry_is_no_answer(value: dict[str, Any]) -> None:
    with pytest.raises(FabricError) as caught:
        seen(value, "a@b", 1_000, redactor())
    assert caught.value.code == Code.ANSWER_INVALID


def test_nesting_and_size_are_bounded() -> None:
    deep: Any = 1
    for _ in range(2_000):
        deep = [deep]
    with pytest.raises(FabricError) as caught:
        seen({"a": deep}, "a@b", 10_000, redactor())
    assert caught.value.code == Code.ANSWER_INVALID
    with pytest.raises(FabricError) as caught:
        seen({"a": "x" * 100}, "a@b", 100, redactor())
    assert caught.value.code == Code.ANSWER_TOO_LARGE


class _Colour(enum.Enum):
    RED = "red"


class _Text(str):
    pass


def _nest(depth: int, inner: Any) -> dict[str, Any]:
    for number in range(depth):
        inner = {"a": inner} if number % 2 else [inner]
    return {"a": inner}


_NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65),
    st.sampled_from([sign * (2**53 + step) for sign in (1, -1) for step in (-2, -1, 0, 1)]),
    st.floats(),
    st.sampled_from([2.0**53 - 1, 2.0**53, -(2.0**53), 1e20, 1e21, -1e22, 1e300, math.inf, math.nan]),
)
_ODD = st.sampled_from([b"x", _Colour.RED, _Text("x"), {1: 2}, {_Text("a"): 1}, {"a"}, "\ud800", {"\udfff": 1}, (1, 2)])
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, st.text(max_size=5), _ODD),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=8,
)


@given(st.one_of(_VALUES, st.builds(_nest, st.integers(58, 66), _VALUES)))
@example(_nest(63, 1))
@example(_nest(64, 1))
@example(_nest(62, []))
@example(_nest(63, {}))
def test_what_is_accepted_has_a_canonical_form_and_the_rest_has_none(inner: Any) -> None:
    value = {"value": inner}
    try:
        canonical.dumps(value)
        fits = True
    except FabricError:
        fits = False
    try:
        assert seen(value, "a@b", 100_000, SecretRedactor()) is value
        taken = True
    except FabricError as error:
        assert error.code == Code.ANSWER_INVALID
        taken = False
    assert taken == fits


async def test_large_answers_are_looked_at_aside() -> None:
    threads: list[threading.Thread] = []

    class Watching(SecretRedactor):
        def found(self, text: str) -> bool:
            threads.append(threading.current_thread())
            return super().found(text)

    watching = Watching()
    watching.learn("correct-horse")
    small, large = {"a": "x" * (ASIDE - 10)}, {"a": "x" * ASIDE, "b": "correct-horse"}
    assert await seen_aside(small, "a@b", 1 << 20, watching) is small
    assert threads == [threading.current_thread()]
    masked = await seen_aside(large, "a@b", 1 << 20, watching)
    assert masked["b"] == "[***]"
    assert threading.current_thread() not in threads[1:]
    with pytest.raises(FabricError) as caught:
        await seen_aside({"a": [math.nan] * ASIDE}, "a@b", 8 << 20, watching)
    assert caught.value.code == Code.ANSWER_INVALID


def test_no_canonical_bytes_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a second for 8 MB."""
    written: list[int] = []
    dumps = orjson.dumps
    monkeypatch.setattr(canonical, "_is_plain", lambda *_: pytest.fail("each value is visited"))

    def counting(*given: Any, **named: Any) -> bytes:
        written.append(1)
        return dumps(*given, **named)

    monkeypatch.setattr(orjson, "dumps", counting)
    value = {"items": [{"x": number * 1.5, "list": [1, 2, 3]} for number in range(1_000)]}
    assert seen(value, "a@b", 1 << 20, redactor()) is value
    assert written == [1]
