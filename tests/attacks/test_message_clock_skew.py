"""Senders whose clocks are wrong, and messages that live too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from messaging import Messaging

from infrafabric.kernel.errors import Code, FabricError


def at(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_clock_within_the_window_is_taken_either_way(messaging: Messaging) -> None:
    await messaging.send(messaging.made(1, at=at(25)))
    await messaging.send(messaging.made(2, at=at(-25), ttl_s=1))


async def test_a_message_from_the_future_says_how_far_ahead_it_is(messaging: Messaging) -> None:
    with pytest.raises(FabricError) as refused:
        await messaging.send(messaging.made(1, at=at(3_600)))
    assert refused.value.code is Code.MESSAGE_EARLY
    assert "3600.0 s ahead" in refused.value.message or "3599.9 s ahead" in refused.value.message
    assert refused.value.retry_after is not None and 3_500 < refused.value.retry_after < 3_600


async def test_a_message_that_is_over_is_refused(messaging: Messaging) -> None:
    assert await messaging.refused(messaging.made(1, at=at(-1_000), ttl_s=900)) is Code.MESSAGE_EXPIRED
    assert await messaging.refused(messaging.made(1, at=at(-40), ttl_s=1)) is Code.MESSAGE_EXPIRED


async def test_a_message_that_would_have_to_be_remembered_too_long_is_refused(messaging: Messaging) -> None:
    assert await messaging.refused(messaging.made(1, ttl_s=86_401)) is Code.MESSAGE_INVALID
    await messaging.send(messaging.made(1, ttl_s=86_400))


async def test_times_at_the_ends_of_the_calendar_are_refused(messaging: Messaging) -> None:
    early = messaging.made(1, issued_at="0001-01-01T00:00:00Z")
    late = messaging.made(1, issued_at="9999-12-31T23:59:59Z")
    assert await messaging.refused(early) is Code.MESSAGE_EXPIRED
    assert await messaging.refused(late) is Code.MESSAGE_INVALID
