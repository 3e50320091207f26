"""A policy is changed while a plan waits: falsify says so, and does not take it for what an adapter conceals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from people import HALL, People

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World


async def test_a_plan_under_rules_that_are_gone_is_stale_and_not_refuted(world: World) -> None:
    people = People()
    async with world.opened() as house:
        guard = people.ask_about_everything(house, Needs(people=2))
        guard.records = ("sha256:" + "0" * 64,)
        waits = await house.kernel.act(world.ask(*HALL))
        stood = await house.kernel.falsify(waits.action, OPERATOR, "before the rules change")
        assert stood.outcome is Outcome.WAITING and {one.result for one in stood.attempts} == {"stood"}
        house.kernel.parts.guard = guard.inner
        report = await house.kernel.falsify(waits.action, OPERATOR, "after it")
        assert report.error is not None and report.error.code is Code.PLAN_STALE
        assert report.outcome is Outcome.REFUSED
        kinds = [kind for _, kind, _ in house.log.entries(waits.action)]
        assert kinds.count(Kind.PLAN_FALSIFIED) == 1
    assert world.peer.writes == []
