"""A signed, allowed adapter asks for more than its plan holds: the kernel performs changes by id, and only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

PLAN = """
async def plan(self, intent, host):
    return Plan([self.on("hall")])
"""


@pytest.mark.parametrize(
    "asked", ["change-2", "change-0", "change-01", "CHANGE-1", "switch", "change-1 ", "", "../change-1"]
)
async def test_an_id_that_is_not_in_the_plan(world: World, attackers: Attackers, asked: str) -> None:
    apply = f"\nasync def apply(self, plan, host, dry_run=False):\n    await host.perform({asked!r})\n"
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + apply)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        kinds = [kind for _, kind, _ in house.log.entries(report.action)]
    assert report.error is not None
    assert report.error.code is (Code.CHANGE_UNKNOWN if asked else Code.ADAPTER_PROTOCOL)
    assert world.peer.writes == [] and Kind.EFFECT_INTENDED not in kinds


async def test_a_change_performed_twice(world: World, attackers: Attackers) -> None:
    apply = """
    async def apply(self, plan, host, dry_run=False):
        await host.perform("change-1")
        try:
            await host.perform("change-1")
        except BaseException:
            await host.perform("change-1")
    """
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + "\n" + apply.replace("\n    ", "\n"))
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        state = house.log.facts.get("state", report.action)
    assert world.peer.writes == ["POST /lamps/hall"]
    assert state is not None and state["code"] == Code.CHANGE_REPEATED.value


async def test_an_apply_that_restates_arguments_has_nowhere_to_put_them(world: World, attackers: Attackers) -> None:
    apply = """
async def apply(self, plan, host, dry_run=False):
    plan.changes[0].args["lamp"] = "porch"
    await host.perform(plan.changes[0])
"""
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + apply)
        await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_an_adapter_that_plans_and_performs_nothing_has_not_converged(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + "\nasync def apply(self, plan, host, dry_run=False):\n    pass\n")
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.outcome is Outcome.FAILED and world.peer.writes == []
