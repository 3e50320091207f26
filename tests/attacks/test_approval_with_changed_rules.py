"""The rules change between question and answer: what people agreed to was judged by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Decision, Outcome, Verdict
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World

    from infrafabric.kernel.ports import Guard, Question


@pytest.mark.parametrize("change", ["policy", "needs", "target", "denied", "bundle"])
async def test_what_changed_meanwhile_ends_the_action(world: World, change: str) -> None:
    people = People()
    async with world.opened() as house:
        guard = people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        waits = await house.kernel.act(world.ask(*HALL, talent=ASKER))
        given = people.agrees(house, waits, ann)
        if change == "policy":
            guard.records = ("sha256:" + "0" * 64,)
        elif change == "needs":
            guard.needs = Needs(people=2)
        elif change == "target":
            target = house.authority.target("house@home").model_copy(update={"timeout_s": 1.0})
            await house.record(house.operator("0" * 31 + "1").target(target, "test"))
        elif change == "denied":
            house.kernel.parts.guard = Denies(guard)
        else:
            house.kernel.parts.chassis.runtime_digest = "sha256:" + "1" * 64
        report = await house.kernel.approve(waits.action, given)
        with pytest.raises(FabricError):
            await house.kernel.approve(waits.action, given)
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is (Code.DENIED if change == "denied" else Code.PLAN_STALE)
    assert world.peer.writes == []


class Denies:
    """Lets everything be planned, and nothing be done any more."""

    def __init__(self, inner: Guard) -> None:
        self.inner = inner

    def decide(self, question: Question) -> Decision:
        decision = self.inner.decide(question)
        if question.plan is None:
            return decision
        return Decision(verdict=Verdict.DENY, rules=("tests/no",), reason="no more")
