"""What a peer's JSON becomes before a guest sees it."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.jsonanswer import seen


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
