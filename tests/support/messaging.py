"""A house with senders: talents whose keys the test holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from envelopes import SENDER, signed
from world import TARGET, World

from infrafabric.control.house import House
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import Grant, Talent
from infrafabric.keys.signing import SigningKey

__all__ = ["Messaging"]

ADDRESS = "192.0.2.7"


@dataclass
class Messaging:
    """An open house and the keys of its senders."""

    house: House
    keys: dict[str, SigningKey] = field(default_factory=dict)
    later: timedelta = timedelta()
    """By how much the kernel's clock is ahead of the test's."""

    async def enrol(self, talent: str = SENDER, tenant: str = "default", **more: Any) -> SigningKey:
        """Give a talent a fresh key; one that it had counts no longer."""
        key = self.keys[talent] = SigningKey.generate()
        value = Talent(id=talent, tenant=tenant, key=str(key.public), **more)
        await self.house.record(self.house.operator(new_trace_id()).talent(value, "test"))
        return key

    async def grant(self, capability: str, talent: str = SENDER) -> None:
        grant = Grant(talent=talent, capability=capability_id(capability), target=TARGET)
        await self.house.record(self.house.operator(new_trace_id()).grant(grant, "test"))

    def made(self, seq: int = 1, talent: str = SENDER, **more: Any) -> bytes:
        return signed(self.keys[talent], seq, sender=talent, **more)

    async def send(self, data: bytes, address: str = ADDRESS) -> dict[str, Any]:
        return await self.house.messages.take(data, address)

    async def refused(self, data: bytes, address: str = ADDRESS) -> Code:
        """The code that the message is refused with."""
        try:
            answer = await self.send(data, address)
        except FabricError as error:
            return error.code
        raise AssertionError(f"it was admitted: {answer}")

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of all entries of a kind, the oldest first."""
        from infrafabric.witness.store import Query

        found = self.house.log.find(Query(kind=kind, limit=1000))
        return [dict(entry.body or {}) for entry in reversed(found)]


@asynccontextmanager
async def messaging_on(world: World) -> AsyncIterator[Messaging]:
    """The world's home open for acting, with one sender."""
    async with world.opened("acting") as house:
        made = Messaging(house)
        clock = house.kernel.parts.now
        house.kernel.parts.now = lambda: clock() + made.later
        await made.enrol()
        yield made


@pytest.fixture
async def messaging(world: World) -> AsyncIterator[Messaging]:
    async with messaging_on(world) as made:
        yield made
