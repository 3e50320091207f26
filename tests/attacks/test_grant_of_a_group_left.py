"""A talent acts under its group's grant: what takes it out of the group, or the grant from the group, stops it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

CREW = Talent(id="if://person/Crew", groups=("crew",))
GRANT = Grant(talent="group:crew", capability=capability_id("house.lamps"), target="house@home")


@pytest.mark.parametrize("loss", ["leaves", "group loses the grant"])
async def test_the_next_write_is_not_made(world: World, loss: str) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        operator = house.operator(new_trace_id())
        await house.record(operator.talent(CREW, "test"), operator.grant(GRANT, "test"))
        ask = world.ask("house.lamps", {"lamps": {"hall": True, "porch": True}}, talent=CREW.id)
        running = asyncio.create_task(house.kernel.act(ask))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        if loss == "leaves":
            await house.record(operator.talent(CREW.model_copy(update={"groups": ()}), "test"))
        else:
            await house.record(operator.grant(GRANT, "test", "revoked"))
        world.peer.late.set()
        report = await running
        assert report.error is not None
        assert report.error.code is Code.AUTHORITY_CHANGED
        again = await house.kernel.act(ask)
    assert again.error is not None
    assert again.error.code is Code.NOT_GRANTED
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_grant_to_another_group_allows_nothing(world: World) -> None:
    async with world.opened() as house:
        operator = house.operator(new_trace_id())
        other = GRANT.model_copy(update={"talent": "group:crews"})
        await house.record(operator.talent(CREW, "test"), operator.grant(other, "test"))
        ask = world.ask("house.lamps", {"lamps": {"hall": True}}, "plan", talent=CREW.id)
        refused = await house.kernel.act(ask)
        assert refused.error is not None
        assert refused.error.code is Code.NOT_GRANTED
        await house.record(operator.grant(GRANT, "test"))
        assert (await house.kernel.act(ask)).outcome is Outcome.PLANNED
