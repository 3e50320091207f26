"""The deadline that comes with an ask bounds the wait for a turn, the calls to the target, and the last write."""

from __future__ import annotations

import asyncio
import threading

from world import Attackers, World

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

SLOW = """
    async def plan(self, intent, host):
        return Plan([self.on("porch"), self.on("hall")])

    async def apply(self, plan, host, dry_run=False):
        await host.perform("change-1")
        await host.wait(1.5)
        await host.perform("change-2")
"""


async def test_no_write_begins_after_it(attackers: Attackers) -> None:
    world = attackers.world
    async with world.opened() as house:
        name = await attackers.install(house, SLOW)
        report = await house.kernel.act(world.ask(name, {"lamps": {"porch": True}}, deadline_s=1.2))
    assert report.error is not None and report.error.code is Code.DEADLINE
    assert report.outcome is Outcome.FAILED
    assert len(world.peer.writes) == 1


async def test_it_reaches_the_driver(world: World) -> None:
    async with world.opened() as house:
        world.peer.late = threading.Event()
        began = asyncio.get_running_loop().time()
        report = await house.kernel.act(world.ask("house.bell", {"tone": "low"}, deadline_s=1.0))
        took = asyncio.get_running_loop().time() - began
        world.peer.late.set()
    assert report.outcome is Outcome.IN_DOUBT
    assert took < 4, "the manifest alone would have let the driver wait for 5 s"


async def test_a_start_sends_nothing_again_after_it(world: World) -> None:
    world.peer.hang_up = True
    async with world.opened() as house:
        report = await house.kernel.act(world.ask("house.chime", {"tone": "low"}, deadline_s=1.5))
    assert report.outcome is Outcome.IN_DOUBT
    sent = list(world.peer.writes)
    world.peer.hang_up = False
    await asyncio.sleep(1.5)
    async with world.opened() as house:
        assert house.log.facts.get("open", report.action) is not None
    assert world.peer.writes == sent, "its provider honours the key, and yet the chime may not have rung before"


async def test_a_turn_is_not_waited_for_beyond_it(world: World) -> None:
    async with world.opened() as house:
        async with house.kernel.parts.governor.turn("house@home", 1, "if://person/another"):
            report = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, deadline_s=0.2))
        assert report.error is not None and report.error.code is Code.DEADLINE
        assert "turn" in report.error.message
        after = await house.kernel.act(world.lamps(hall=True))
        assert after.outcome is Outcome.CONVERGED
