"""A dry run cannot write, because the kernel does not: whatever the adapter does with the answers it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

METHODS = """
async def plan(self, intent, host):
    return Plan([self.on("hall"), self.on("porch")])

async def apply(self, plan, host, dry_run=False):
    answer = await host.perform("change-1")
    if not answer.dry_run:
        raise RuntimeError("it was real")
    await host.wait(30)
    await host.perform("change-2")
"""


async def test_performing_in_a_dry_run_only_says_what_would_be_done(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, METHODS)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}, "dry_run"))
        kinds = [kind for _, kind, _ in house.log.entries(report.action)]
    assert report.outcome is Outcome.DRY_RUN
    assert world.peer.writes == []
    assert Kind.EFFECT_INTENDED not in kinds and Kind.EFFECT_OBSERVED not in kinds


async def test_a_dry_run_finds_what_an_apply_would_be_refused_for(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, METHODS.replace("change-2", "change-3"))
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}, "dry_run"))
    assert report.error is not None and report.error.code is Code.CHANGE_UNKNOWN
    assert world.peer.writes == []
