"""An act that happened is told as one that happened, whatever goes wrong after it; so nobody takes it back twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

PLAN = """
async def plan(self, intent, host):
    strike = Call("strike", {"id": {"$result": "change-1#/ring/id"}})
    return Plan([Change("ring", {"tone": intent["tone"]}, after={"tone": intent["tone"]}, inverse=strike)])
"""
ASKS_TWICE = f"""{PLAN}
async def apply(self, plan, host, dry_run=False):
    await host.perform("change-1")
    await host.perform("change-1")
"""
LINGERS = f"""{PLAN}
async def apply(self, plan, host, dry_run=False):
    await host.perform("change-1")
    await host.wait(2)
"""
LAMPS_TWICE = """
async def plan(self, intent, host):
    lamps = (await host.read("state")).json()["lamps"]
    off = Call("switch", {"lamp": "hall", "on": False})
    return Plan([] if lamps["hall"] else [self.on("hall", inverse=off)])

async def apply(self, plan, host, dry_run=False):
    await host.perform("change-1")
    if plan.changes[0].args["on"] is False:
        await host.perform("change-1")
"""


async def undo_fails(house: House, action: str) -> None:
    with pytest.raises(FabricError) as twice:
        await house.kernel.undo(action, OPERATOR, "once more")
    assert twice.value.code is Code.UNDO_IMPOSSIBLE


async def cancelled_while_it_lingers(world: World, house: House, action: str) -> Report:
    """Undo the action, and cancel the undo when its write was answered."""
    before = len(world.peer.writes)
    task = asyncio.create_task(house.kernel.undo(action, OPERATOR, "back"))
    while len(world.peer.writes) == before or house.log.facts.scan("doubt"):
        await asyncio.sleep(0.01)
    await house.kernel.cancel(next(iter(house.kernel.under_way)), OPERATOR, "enough")
    return await task


async def test_an_answered_event_is_done_whatever_its_adapter_does_then(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, ASKS_TWICE, "bell.yaml")
        rung = await house.kernel.act(world.ask(name, {"tone": "low"}))
        assert rung.outcome is Outcome.DONE
        state = house.log.facts.get("state", rung.action)
        assert state is not None and state["code"] == Code.CHANGE_REPEATED.value, "and what went wrong is on record"
        back = await house.kernel.undo(rung.action, OPERATOR, "back")
        assert back.outcome is Outcome.UNDONE
        await undo_fails(house, rung.action)
    assert world.peer.writes == ["POST /bell", "DELETE /rings/ring_1"]


async def test_an_undo_that_was_cancelled_after_its_write(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, LINGERS, "bell.yaml")
        rung = await house.kernel.act(world.ask(name, {"tone": "low"}, deadline_s=0.5))
        assert rung.outcome is Outcome.DONE, "the deadline passed after the bell had rung"
        back = await cancelled_while_it_lingers(world, house, rung.action)
        assert back.outcome is Outcome.UNDONE
        await undo_fails(house, rung.action)
    assert world.peer.writes == ["POST /bell", "DELETE /rings/ring_1"]


async def test_an_undo_that_the_provider_refused_may_be_tried_again(world: World) -> None:
    async with world.opened() as house:
        rung = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        world.peer.refuses = 422
        back = await house.kernel.undo(rung.action, OPERATOR, "back")
        assert back.outcome is Outcome.FAILED
        world.peer.refuses = 0
        again = await house.kernel.undo(rung.action, OPERATOR, "back")
        assert again.outcome is Outcome.UNDONE


async def test_an_undo_that_moved_nothing_may_be_tried_again(world: World) -> None:
    async with world.opened() as house:
        lit = await house.kernel.act(world.lamps(hall=True))
        world.peer.deaf = True
        back = await house.kernel.undo(lit.action, OPERATOR, "back")
        assert back.outcome is Outcome.FAILED
        world.peer.deaf = False
        again = await house.kernel.undo(lit.action, OPERATOR, "back")
        assert again.outcome is Outcome.UNDONE


async def test_a_state_that_was_taken_back_amid_a_violation(world: World, attackers: Attackers) -> None:
    """Someone lights the lamp again; that is not the first action's to take back."""
    async with world.opened() as house:
        name = await attackers.install(house, LAMPS_TWICE)
        lit = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        assert lit.outcome is Outcome.CONVERGED
        back = await house.kernel.undo(lit.action, OPERATOR, "back")
        assert back.outcome is Outcome.FAILED and not world.peer.lamps["hall"]
        world.peer.lamps["hall"] = True
        await undo_fails(house, lit.action)
    assert world.peer.lamps["hall"]
