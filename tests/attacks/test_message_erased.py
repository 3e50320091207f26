"""Erasing a message must not let it, or one before it, be admitted again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from messaging import Messaging

from infrafabric.kernel.errors import Code, FabricError


async def test_a_message_that_still_protects_cannot_be_erased(messaging: Messaging) -> None:
    data = messaging.made(1, ttl_s=60)
    index = (await messaging.send(data))["index"]
    with pytest.raises(FabricError) as refused:
        await messaging.house.log.erase(index, "the test says so")
    assert refused.value.code is Code.ERASE_REFUSED
    assert await messaging.refused(data) is Code.MESSAGE_REPLAYED


async def test_one_that_is_over_and_followed_can_be(messaging: Messaging) -> None:
    data = messaging.made(1, ttl_s=60)
    index = (await messaging.send(data))["index"]
    messaging.later = timedelta(seconds=100)
    await messaging.send(messaging.made(2, at=datetime.now(UTC) + messaging.later))
    await messaging.house.log.erase(index, "the test says so")
    assert messaging.house.log.entry(index).body is None
    assert await messaging.refused(data) is Code.MESSAGE_EXPIRED
    assert (await messaging.house.log.audit_all()).problem == ""
