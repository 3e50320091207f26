"""The guard asks for more than it did when the plan was decided, by rules that left no record: nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Decision, Outcome, Verdict
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World

    from infrafabric.kernel.ports import Guard, Question


class Answers:
    """Gives each plan with changes the next verdict; the last one for all that follow."""

    def __init__(self, inner: Guard, *verdicts: tuple[Verdict, Needs | None]) -> None:
        self.inner = inner
        self.verdicts = list(verdicts)
        self.asked = 0

    def decide(self, question: Question) -> Decision:
        decision = self.inner.decide(question)
        if question.plan is None or not question.plan.changes:
            return decision
        verdict, needs = self.verdicts[min(self.asked, len(self.verdicts) - 1)]
        self.asked += 1
        return decision.model_copy(update={"verdict": verdict, "needs": needs})


SHARE = (Verdict.SHARE, None)
HOLD = (Verdict.HOLD, Needs(source=True))
ESCALATE = (Verdict.ESCALATE, Needs(source=True))
OF_TWO = (Verdict.HOLD, Needs(people=2, source=True))


def plans_anew(world: World) -> None:
    """Each plan is made and judged once more before it is applied."""
    (world.home.root / "infrafabric.toml").write_text("[actions]\nplan_fresh_s = 0.0\n")


@pytest.mark.parametrize("risen", [HOLD, ESCALATE])
async def test_between_the_decision_and_the_write(world: World, risen: tuple[Verdict, Needs]) -> None:
    plans_anew(world)
    async with world.opened() as house:
        guard = house.kernel.parts.guard = Answers(house.kernel.parts.guard, SHARE, risen)
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.PLAN_STALE
    assert guard.asked == 2 and world.peer.writes == []


@pytest.mark.parametrize(
    ("later", "goes_on"),
    [
        ((ESCALATE,), False),
        ((OF_TWO,), False),
        ((HOLD, ESCALATE), False),
        ((HOLD, OF_TWO), False),
        ((HOLD, HOLD), True),
        ((SHARE, HOLD), True),
        ((SHARE, SHARE), True),
    ],
)
async def test_after_people_agreed(
    world: World, later: tuple[tuple[Verdict, Needs | None], ...], goes_on: bool
) -> None:
    """What they agreed to covers what they were asked about, and no more."""
    plans_anew(world)
    people = People()
    async with world.opened() as house:
        await people.asker(house)
        ann = await people.add(house, "Ann")
        house.kernel.parts.guard = Answers(house.kernel.parts.guard, HOLD, *later)
        waits = await house.kernel.act(world.ask(*HALL, talent=ASKER))
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    if goes_on:
        assert report.outcome is Outcome.CONVERGED and len(world.peer.writes) == 1
    else:
        assert report.outcome is Outcome.REFUSED and report.error is not None
        assert report.error.code is Code.PLAN_STALE
        assert world.peer.writes == []
