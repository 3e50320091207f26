"""`ifctl action cancel` for an action that another process has under way: the write under way is its last."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest
from homes import Ifctl

from infrafabric.control.stop_file import StopFolder
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

pytestmark = pytest.mark.timeout(120)


async def test_the_write_under_way_is_the_last(world: World) -> None:
    world.peer.late = threading.Event()
    folder = StopFolder(world.home.root)
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True, attic=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        process = Ifctl(world.home.root).process("action", "cancel", action, "--why", "wrong lamps", "--json")
        while not folder.cancelled():
            assert process.poll() is None
            await asyncio.sleep(0.05)
        world.peer.late.set()
        report = await running
        output, errors = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, (output, errors)
        told = json.loads(output)
        assert told["cancelled"] == action and told["report"]["error"]["code"] == "IF_ERR_CANCELLED"
        assert report.error is not None and report.error.code is Code.CANCELLED
        assert report.outcome is Outcome.FAILED and len(world.peer.writes) == 1
    assert folder.cancelled() == [], "nothing is left of an action that is over"
