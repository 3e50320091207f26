"""What was cancelled while its write hung in the air is sent again by no later kernel."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.house import House
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.history import History
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

pytestmark = pytest.mark.timeout(120)
WHY = "do not do this"


async def recorded(house: House, action: str) -> list[Kind]:
    """The action's entries once its cancelling is among them, or when it should long have been."""
    for _ in range(500):
        kinds = [kind for _, kind, _ in house.log.entries(action)]
        if Kind.ACTION_CANCELLED in kinds:
            break
        await asyncio.sleep(0.01)
    return kinds


@pytest.mark.parametrize("how", ["cancelled", "its asker goes away"])
async def test_it_stays_in_doubt(world: World, how: str) -> None:
    world.peer.hang_up = True
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.ask("house.chime", {"tone": "low"})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        world.peer.rings.clear()  # the provider lost it: a second request would be a first one
        world.peer.keys.clear()
        if how == "cancelled":
            cancelling = asyncio.create_task(house.kernel.cancel(action, OPERATOR, WHY))
        else:
            running.cancel()
            cancelling = None
        kinds = await recorded(house, action)
        assert kinds[-1] is Kind.ACTION_CANCELLED, "on record at once, not when the write has ended"
        world.peer.late.set()
        await asyncio.wait([running])
        if cancelling is not None:
            assert (await cancelling).outcome is Outcome.IN_DOUBT
    assert len(world.peer.writes) == 1
    world.peer.hang_up, world.peer.late = False, None
    async with world.opened() as house:
        assert house.log.facts.get("open", action) is not None
        assert any("not sent again" in warning for warning in house.warnings)
        history = History.of(action, house.log.entries(action))
        assert history.cancelled is not None and history.cancelled.by == (OPERATOR if how == "cancelled" else "")
        await house.kernel.close(action, Outcome.FAILED, OPERATOR, "it never rang")
    assert len(world.peer.writes) == 1 and world.peer.rings == {}


async def test_one_that_is_answered_all_the_same_is_done(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.ask("house.chime", {"tone": "low"})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        house.kernel.halt(action, OPERATOR, WHY)
        await recorded(house, action)
        world.peer.late.set()
        assert (await running).outcome is Outcome.DONE
        kinds = [kind for _, kind, _ in house.log.entries(action)]
        assert kinds[-3:] == [Kind.ACTION_CANCELLED, Kind.EFFECT_OBSERVED, Kind.ACTION_CLOSED]
