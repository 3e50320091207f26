"""Amounts of money as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.words.policy import Unit
from infrafabric.policy.amounts import decimal_of, money_of, shown


@given(st.integers(0, 2**53 - 1))
def test_what_is_shown_reads_back_the_same(amount: int) -> None:
    assert money_of(decimal_of(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00"), (25_000_000, "25.00"), (400, "0.0004"), (1_230_000, "1.23"), (1, "0.000001")]
)
def test_it_has_two_decimals_or_as_many_as_it_takes(amount: int, text: str) -> None:
    assert decimal_of(amount) == text


@pytest.mark.parametrize("text", ["", "-1", "1.", ".5", "1e3", "1,5", "0.0000001", "12345678901", "٣", "1 ", "NaN"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert money_of(text) is None


def test_each_unit_is_named() -> None:
    assert shown(1_500_000, Unit.MONEY, "EUR") == "1.50 EUR"
    assert shown(12, Unit.REQUESTS) == "12 requests"
    assert shown(4000, Unit.TOKENS) == "4000 tokens"
    assert shown(1, Unit.REQUESTS) == "1 request"
