"""The time of a grant runs out between two writes of an action: the next one is not made."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import Grant

if TYPE_CHECKING:
    from world import World


async def test_a_grant_that_ends_meanwhile_stops_the_next_write(world: World) -> None:
    world.peer.late = threading.Event()
    end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    async with world.opened() as house:
        grant = Grant(talent=OPERATOR, capability=capability_id("house.lamps"), target="house@home", expires=end)
        await house.record(house.operator(new_trace_id()).grant(grant, "for an hour"))
        running = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        house.kernel.parts.now = lambda: datetime.now(UTC) + timedelta(hours=1)
        world.peer.late.set()
        report = await running
        kinds = [kind for _, kind, _ in house.log.entries(report.action)]
    assert report.error is not None
    assert report.error.code is Code.AUTHORITY_CHANGED
    assert f"expired at {end}" in report.error.message
    assert world.peer.writes == ["POST /lamps/hall"], "the write under way was observed, the next not begun"
    assert kinds.count(Kind.EFFECT_INTENDED) == 1
