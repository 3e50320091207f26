"""A message that was admitted is sent again: at once, later, after a restart, from elsewhere, in another spelling."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from messaging import Messaging

from infrafabric.kernel.errors import Code


async def test_a_copy_is_refused_and_says_so(messaging: Messaging) -> None:
    data = messaging.made(1)
    await messaging.send(data)
    assert await messaging.refused(data) is Code.MESSAGE_REPLAYED
    assert await messaging.refused(data, "198.51.100.9") is Code.MESSAGE_REPLAYED
    assert len(messaging.entries("message.admitted")) == 1


async def test_a_copy_in_another_spelling_is_a_copy(messaging: Messaging) -> None:
    data = messaging.made(1)
    await messaging.send(data)
    spaced = json.dumps(json.loads(data), indent=2, sort_keys=True).encode()
    assert spaced != data
    assert await messaging.refused(spaced) is Code.MESSAGE_REPLAYED


async def test_a_nonce_under_a_fresh_number_is_refused(messaging: Messaging) -> None:
    first = messaging.made(1)
    await messaging.send(first)
    assert await messaging.refused(messaging.made(2, nonce=json.loads(first)["nonce"])) is Code.MESSAGE_REPLAYED


async def test_a_copy_is_refused_at_every_later_time(messaging: Messaging) -> None:
    """The nonce is remembered until the message is over, and then its time speaks."""
    data = messaging.made(1, ttl_s=60)
    await messaging.send(data)
    codes = []
    for seconds in (0, 59, 89, 91, 86_400):
        messaging.later = timedelta(seconds=seconds)
        # Another message lets what is over be forgotten.
        await messaging.send(messaging.made(seconds + 2, at=datetime.now(UTC) + messaging.later))
        codes.append(await messaging.refused(data))
    assert codes == [Code.MESSAGE_REPLAYED] * 3 + [Code.MESSAGE_EXPIRED] * 2


async def test_a_flood_of_copies_does_not_fill_the_log(messaging: Messaging) -> None:
    data = messaging.made(1)
    await messaging.send(data)
    before = messaging.house.log.size
    for number in range(400):
        await messaging.refused(data, f"198.51.{number % 200}.{number // 200}")
    assert messaging.house.log.size - before < 150
    counted = sum(messaging.house.kernel.parts.refused.values())
    assert counted + messaging.house.log.size - before == 400
