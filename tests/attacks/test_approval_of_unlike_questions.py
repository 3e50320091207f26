"""Someone hides what is dangerous in a row of questions that look the same, to have it signed unread."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from people import ASKER, People

from infrafabric.control.cli.approvals_view import batches, questions_json
from infrafabric.kernel.words.claims import Claim, Confidence
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World

LAMPS = ("house.lamps", {"lamps": {"hall": True}})


async def test_the_very_same_is_alike_whatever_the_asker_says(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        for why in ("it is dark", "it is still dark"):
            await house.kernel.act(world.ask(*LAMPS, talent=ASKER, why=why))
        assert [len(batch) for batch in batches(questions_json(house))] == [2]


@pytest.mark.parametrize(
    "other",
    [
        {"hazards": ("legal", "money")},
        {"intent": {"lamps": {"hall": True, "porch": False}}},
        {"claim": Claim(claim_id="C-1", confidence=Confidence(raw=Decimal("0.9"), normalized=Decimal("0.9")))},
    ],
    ids=["hazards", "intent", "claim"],
)
async def test_what_asks_for_the_same_changes_otherwise(world: World, other: dict[str, Any]) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        first = await house.kernel.act(world.ask(*LAMPS, talent=ASKER))
        second = await house.kernel.act(
            world.ask(**{"capability": LAMPS[0], "intent": LAMPS[1], "talent": ASKER, **other})
        )
        assert first.changes_digest == second.changes_digest
        assert [len(batch) for batch in batches(questions_json(house))] == [1, 1]


@pytest.mark.parametrize("more", ["verdict", "needs"])
async def test_what_is_asked_otherwise(world: World, more: str) -> None:
    people = People()
    async with world.opened() as house:
        guard = people.ask_about_everything(house)
        await people.asker(house)
        await house.kernel.act(world.ask(*LAMPS, talent=ASKER))
        if more == "verdict":
            guard.verdict = Verdict.HOLD
        else:
            guard.needs = Needs(people=2)
        await house.kernel.act(world.ask(*LAMPS, talent=ASKER))
        assert [len(batch) for batch in batches(questions_json(house))] == [1, 1]
