"""What is a read and what is a write is said by the signed manifest, never by the guest and never by the verb."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

ATTEMPTS = {
    "a write asked for as a read": ('await host.read("switch", lamp="hall", on=True)', Code.EFFECT_NOT_READ),
    "an undeclared read": ('await host.read("secrets")', Code.EFFECT_UNKNOWN),
    "a raw request as a read": ('await host.read("GET /state")', Code.EFFECT_UNKNOWN),
    "a read planned as a change": ('return Plan([Change("state", {})])', Code.EFFECT_NOT_WRITE),
    "an undeclared change": ('return Plan([Change("explode", {})])', Code.EFFECT_UNKNOWN),
    "an undeclared inverse": ('return Plan([self.on("hall", inverse=Call("explode", {}))])', Code.EFFECT_UNKNOWN),
    "a read as inverse": ('return Plan([self.on("hall", inverse=Call("state", {}))])', Code.EFFECT_NOT_WRITE),
    "an argument that the template lacks": (
        'return Plan([Change("switch", {"lamp": "hall", "on": True, "host": "evil.example"})])',
        Code.EFFECT_ARGUMENT,
    ),
    "an argument that leaves its place": (
        'return Plan([Change("switch", {"lamp": "hall/../../admin", "on": True})])',
        Code.EFFECT_ARGUMENT,
    ),
    "an argument of another type": (
        'return Plan([Change("switch", {"lamp": "hall", "on": "yes"})])',
        Code.EFFECT_ARGUMENT,
    ),
    "a perform while planning": ('await host.perform("change-1")', Code.ADAPTER_FAILED),
    "something that is no plan": ('return {"changes": []}', Code.ADAPTER_PROTOCOL),
    "two changes under one id": (
        'return Plan([self.on("hall", id="change-2"), self.on("porch", id="change-1")])',
        Code.ADAPTER_PROTOCOL,
    ),
}


@pytest.mark.parametrize("what", list(ATTEMPTS))
async def test_it_is_refused_and_recorded_and_nothing_is_written(world: World, attackers: Attackers, what: str) -> None:
    statement, code = ATTEMPTS[what]
    async with world.opened() as house:
        name = await attackers.install(
            house, f"async def plan(self, intent, host):\n    {statement}\n    return Plan()"
        )
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        state = house.log.facts.get("state", report.action)
    assert report.outcome is Outcome.REFUSED
    assert report.error is not None and report.error.code is code
    assert state is not None and state["code"] == code.value
    assert world.peer.writes == []


async def test_a_guest_that_catches_the_refusal_is_dropped_all_the_same(world: World, attackers: Attackers) -> None:
    plan = """
    async def plan(self, intent, host):
        try:
            await host.read("switch", lamp="hall", on=True)
        except BaseException:
            pass
        return Plan([self.on("porch")])
    """
    async with world.opened() as house:
        name = await attackers.install(house, plan)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.error is not None and report.error.code is Code.EFFECT_NOT_READ
    assert world.peer.writes == []


async def test_an_event_that_plans_two_acts(world: World, attackers: Attackers) -> None:
    plan = """
    async def plan(self, intent, host):
        return Plan([Change("ring", {"tone": "a"}), Change("ring", {"tone": "b"})])
    """
    async with world.opened() as house:
        name = await attackers.install(house, plan, "bell.yaml")
        report = await house.kernel.act(world.ask(name, {"tone": "low"}))
    assert report.error is not None and report.error.code is Code.ADAPTER_PROTOCOL
    assert world.peer.writes == []
