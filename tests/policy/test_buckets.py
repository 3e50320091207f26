from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.policy.buckets import TokenBucket

rates = st.floats(0.01, 1000)
bursts = st.integers(1, 50)
steps = st.lists(st.floats(0, 5), max_size=100)


@given(rates, bursts, steps)
def test_no_stretch_of_time_grants_more_than_burst_and_rate(rate: float, burst: int, gaps: list[float]) -> None:
    bucket, now = TokenBucket(rate, burst, 0.0), 0.0
    granted: list[float] = []
    for gap in gaps:
        now += gap
        for _ in range(3):
            if bucket.take(now) == 0:
                granted.append(now)
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            assert last - first + 1 <= burst + rate * (granted[last] - granted[first]) + 1e-6


@given(rates, bursts)
def test_who_waits_as_long_as_told_is_served(rate: float, burst: int) -> None:
    bucket, now = TokenBucket(rate, burst, 100.0), 100.0
    assert [bucket.take(now) for _ in range(burst)] == [0.0] * burst
    for _ in range(20):
        wait = bucket.take(now)
        assert 0 < wait <= 1 / rate + 1e-9
        assert bucket.take(now + wait / 2) > 0
        now += wait
        assert bucket.take(now) == 0


@given(rates, bursts)
def test_a_refusal_costs_nothing(rate: float, burst: int) -> None:
    bucket = TokenBucket(rate, burst, 0.0)
    for _ in range(burst):
        bucket.take(0.0)
    assert len({bucket.take(0.0) for _ in range(100)}) == 1


def test_rest_refills_up_to_the_burst() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=0.0)
    assert [bucket.take(1e6) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_a_clock_that_goes_back_grants_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1, now=100.0)
    assert bucket.take(100.0) == 0
    assert bucket.take(0.0) == 1
    assert bucket.take(100.5) == 0.5


def test_new_limits_refill_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=10, now=0.0)
    for _ in range(10):
        bucket.take(0.0)
    bucket.adjust(rate=2, burst=100, now=0.0)
    assert bucket.take(0.0) == 0.5
    bucket.adjust(rate=2, burst=1, now=1000.0)
    assert [bucket.take(1000.0), bucket.take(1000.0)] == [0.0, 0.5]


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_bucket_without_rate_or_burst_is_a_mistake(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="bucket"):
        TokenBucket(rate, burst, 0.0)
