"""How many guesses a value stands for."""

from __future__ import annotations

import secrets

import pytest

from infrafabric.keys.ordinary import ENOUGH_BITS, guessing_bits


@pytest.mark.parametrize(
    "value",
    ["", "show opens", "if://person/operator", "if://capability/house.lamps", "correct-horse-battery-staple",
     "a" * 40, "00000000000000000000", "12345678", "2026-11-22", "the the the the the the the", "hunter2-blue",
     "The Show Opens At The Show"],
)  # fmt: skip
def test_words_names_and_dates_are_too_few(value: str) -> None:
    assert guessing_bits(value) < ENOUGH_BITS


@pytest.mark.parametrize("make", [lambda: secrets.token_hex(16), lambda: secrets.token_urlsafe(24)])
def test_what_systems_issue_is_enough(make: object) -> None:
    assert callable(make)
    assert all(guessing_bits(make()) >= ENOUGH_BITS for _ in range(2_000))


def test_words_of_other_alphabets_are_words() -> None:
    assert guessing_bits("ключ от дома") < ENOUGH_BITS
