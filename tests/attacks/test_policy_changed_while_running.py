"""The policies change while an action is under way: the write under way is observed, the next is not begun."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from policies import PERMIT

from infrafabric.control.policies import in_force, take
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import new_trace_id

if TYPE_CHECKING:
    from world import World

NOTHING_HERE = '@id("nothing-here") forbid (principal, action == Action::"apply", resource == Target::"house@home");\n'


async def test_a_policy_that_forbids_from_now_on_stops_the_next_write(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 30)
        files = {**in_force(house), "stop.cedar": NOTHING_HERE}
        await take(house, files, "enough", new_trace_id())
        world.peer.late.set()
        report = await running
        again = await house.kernel.act(world.lamps(attic=True))
    assert report.error is not None and report.error.code is Code.AUTHORITY_CHANGED
    assert world.peer.writes == ["POST /lamps/hall"]
    assert again.error is not None and "nothing-here" in again.error.message


async def test_a_plan_that_was_looked_at_under_other_policies_is_decided_by_those_in_force(world: World) -> None:
    async with world.opened() as house:
        looked_at = await house.kernel.act(world.lamps("plan", hall=True))
        await take(house, {"only.cedar": PERMIT + NOTHING_HERE}, "enough", new_trace_id())
        ask = world.ask("house.lamps", {"lamps": {"hall": True}}, expect=looked_at.changes_digest)
        report = await house.kernel.act(ask)
    assert report.error is not None and report.error.code is Code.DENIED
    assert world.peer.writes == []
