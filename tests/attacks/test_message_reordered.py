"""Messages of one sender that overtake each other: what comes after a later one is refused, and the gap was told."""

from __future__ import annotations

import asyncio

from messaging import Messaging

from infrafabric.kernel.errors import Code


async def test_the_one_that_was_overtaken_is_refused(messaging: Messaging) -> None:
    one, two, three = (messaging.made(seq) for seq in (1, 2, 3))
    await messaging.send(one)
    assert (await messaging.send(three))["gap"] == 1
    assert await messaging.refused(two) is Code.MESSAGE_SEQUENCE


async def test_a_number_again_with_other_words_is_refused(messaging: Messaging) -> None:
    await messaging.send(messaging.made(1))
    assert await messaging.refused(messaging.made(1, performative="propose")) is Code.MESSAGE_SEQUENCE


async def test_whatever_the_order_numbers_rise_in_the_log(messaging: Messaging) -> None:
    frames = [messaging.made(seq) for seq in (3, 1, 4, 15, 9, 2, 6, 5, 35, 8)]
    await asyncio.gather(*(messaging.send(data) for data in frames), return_exceptions=True)
    numbers = [body["seq"] for body in messaging.entries("message.admitted")]
    assert numbers == [3, 4, 15, 35]
    assert [body["gap"] for body in messaging.entries("message.admitted")] == [0, 0, 10, 19]
