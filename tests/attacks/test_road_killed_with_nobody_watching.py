"""kill -9 while a write is under way and nobody stands at the stations: what led to it was on record first."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.history import History
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

pytestmark = pytest.mark.timeout(120)


async def killed_as_it_arrives(world: World, capability: str, intent: dict[str, Any]) -> None:
    world.peer.late = threading.Event()
    arguments = world.command(capability, json.dumps(intent), "apply", "none", "0")
    process = await asyncio.create_subprocess_exec(*arguments, stdout=-1, stderr=-1)
    assert await asyncio.to_thread(world.peer.arrived.wait, 60)
    process.kill()
    await process.communicate()
    world.peer.late.set()


async def what_became(world: World) -> History:
    async with world.opened() as house:
        ((action, _),) = house.log.facts.scan("action")
        assert (await house.log.audit_all()).problem == ""
        return History.of(action, house.log.entries(action))


async def test_a_state_is_looked_at(world: World) -> None:
    await killed_as_it_arrives(world, "house.lamps", {"lamps": {"hall": True}})
    history = await what_became(world)
    assert history.planned is not None and history.decided is not None and list(history.intended) == ["change-1"]
    assert history.closed is not None and history.closed.outcome is Outcome.CONVERGED
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_an_event_stays_in_doubt(world: World) -> None:
    await killed_as_it_arrives(world, "house.bell", {"tone": "low"})
    history = await what_became(world)
    assert history.planned is not None and history.decided is not None and list(history.intended) == ["change-1"]
    assert not history.ended and history.doubtful == ["change-1"]
    assert len(world.peer.writes) == 1
