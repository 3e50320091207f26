"""A sender or a source that sends too much: it waits, and nobody else does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from envelopes import SENDER
from messaging import Messaging

from infrafabric.control.door_settings import MessageSettings, ServeSettings
from infrafabric.control.settings import Settings
from infrafabric.kernel.errors import Code, FabricError

OTHER = "if://agent/other"


def limited(messaging: Messaging, **more: object) -> None:
    """Other limits, before the first message."""
    messaging.house.settings = Settings(
        messages=MessageSettings.model_validate(more), serve=ServeSettings(refused_rps=0.001, refused_burst=5)
    )


async def test_a_full_store_of_nonces_makes_the_sender_wait_for_the_oldest(messaging: Messaging) -> None:
    limited(messaging, nonces_each=16)
    for seq in range(1, 17):
        await messaging.send(messaging.made(seq, ttl_s=600))
    with pytest.raises(FabricError) as refused:
        await messaging.send(messaging.made(17, ttl_s=600))
    assert refused.value.code is Code.BUSY
    assert refused.value.retry_after is not None and 500 < refused.value.retry_after < 640
    await messaging.enrol(OTHER)
    await messaging.send(messaging.made(1, talent=OTHER))
    messaging.later = timedelta(seconds=700)
    answer = await messaging.send(messaging.made(17, at=datetime.now(UTC) + messaging.later))
    assert answer["gap"] == 0
    assert len(messaging.house.log.facts.scan("nonce", f"{SENDER} ")) == 13


async def test_a_sender_over_its_rate_waits_and_others_do_not(messaging: Messaging) -> None:
    limited(messaging, sender_rps=0.001, sender_burst=3)
    await messaging.enrol(OTHER)
    for seq in (1, 2, 3):
        await messaging.send(messaging.made(seq))
    assert await messaging.refused(messaging.made(4)) is Code.RATE_LIMITED
    await messaging.send(messaging.made(1, talent=OTHER))
    assert [body["code"] for body in messaging.entries("message.refused")] == []


async def test_nobody_spends_a_senders_rate_without_its_key(messaging: Messaging) -> None:
    limited(messaging, sender_rps=0.001, sender_burst=1)
    key = messaging.keys[SENDER]
    messaging.keys[SENDER] = await messaging.enrol(OTHER)
    for seq in range(1, 5):
        assert await messaging.refused(messaging.made(seq), f"198.51.100.{seq}") is Code.MESSAGE_KEY
    messaging.keys[SENDER] = key
    await messaging.send(messaging.made(1))


async def test_a_source_of_refused_messages_has_to_wait_and_others_do_not(messaging: Messaging) -> None:
    limited(messaging)
    for _ in range(5):
        assert await messaging.refused(b"no envelope", "198.51.100.1") is Code.JSON_INVALID
    assert await messaging.refused(messaging.made(1), "198.51.100.1") is Code.RATE_LIMITED
    await messaging.send(messaging.made(1), "198.51.100.2")


async def test_one_subscriber_of_ipv6_is_one_source(messaging: Messaging) -> None:
    limited(messaging)
    for number in range(5):
        assert await messaging.refused(b"no envelope", f"2001:db8::{number}") is Code.JSON_INVALID
    assert await messaging.refused(messaging.made(1), "2001:db8::ffff:1:2") is Code.RATE_LIMITED
    await messaging.send(messaging.made(1), "2001:db8:0:1::1")


async def test_unknown_senders_do_not_fill_log_or_memory(messaging: Messaging) -> None:
    messaging.house.settings = Settings(serve=ServeSettings(refused_rps=10_000, refused_burst=10_000))
    key = messaging.keys[SENDER]
    size = messaging.house.log.size
    frames = []
    for number in range(300):
        messaging.keys[f"if://agent/made-up-{number}"] = key
        frames.append(messaging.made(1, talent=f"if://agent/made-up-{number}"))
    codes = await asyncio.gather(*(messaging.refused(data) for data in frames))
    assert set(codes) == {Code.MESSAGE_SENDER_UNKNOWN}
    assert messaging.house.log.size == size
    assert dict(messaging.house.kernel.parts.refused) == {"IF_ERR_MESSAGE_SENDER_UNKNOWN 192.0.2.7": 300}
