"""Burn rates by the SRE Workbook's example figures, over windows that slide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.control.telemetry.levels import WINDOWS, Level


def test_an_objective_of_three_nines_burns_at_its_error_rate_over_a_thousandth() -> None:
    level = Level("x", 0.999)
    for second in range(3_600):
        level.count(second % 100 != 0, second)
    assert level.burn("1h", 3_599) == pytest.approx(10)
    assert level.alerts(3_599) == frozenset({"ticket"})


def test_a_page_needs_the_short_window_too_and_ends_with_it() -> None:
    level = Level("x", 0.99)
    for second in range(0, 3_600, 10):
        level.count(False, second)
    assert level.alerts(3_599) == {"page", "ticket"}
    for second in range(3_600, 4_000, 10):
        level.count(True, second)
    assert level.burn("1h", 3_999) > 14.4
    assert "page" not in level.alerts(3_999)


def test_nothing_counted_burns_nothing() -> None:
    level = Level("x", 0.99)
    assert [level.burn(window, 0) for window in WINDOWS] == [0, 0, 0, 0]
    assert level.alerts(0) == frozenset()


@given(st.lists(st.tuples(st.integers(0, 40_000), st.booleans()), max_size=200))
def test_a_window_holds_what_was_counted_in_its_minutes(counted: list[tuple[int, bool]]) -> None:
    level = Level("x", 0.9)
    counted.sort(key=lambda one: one[0])
    for at, good in counted:
        level.count(good, at)
    now = counted[-1][0] if counted else 0
    for window, seconds in WINDOWS.items():
        first = (now // 60) * 60 + 60 - seconds
        tally = level.within(window, now)
        assert tally.good == sum(good for at, good in counted if at >= first)
        assert tally.bad == sum(not good for at, good in counted if at >= first)
