"""A second source that is none: it has no evidence, is less sure than the asker, or nobody answers for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from people import ASKER, TARGET, People, asked

from infrafabric.control.approver_key import by_source
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome, Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

LAMPS = ("house.lamps", {"lamps": {"hall": True}})
SECOND = "if://agent/Second"
PAPER = b"what the second source read"


def claim(*evidence: dict[str, Any]) -> Claim:
    confidence = {"raw": 1.0, "normalized": 1.0}
    return Claim.model_validate({"claim_id": "C", "confidence": confidence, "evidence": list(evidence)})


async def two_unsure(house: House) -> None:
    """Two agents that have to say how sure they are, each with an owner of its own."""
    people, operator = People(), house.operator(new_trace_id())
    for who, owner in ((ASKER, "Ann"), (SECOND, "Ben")):
        talent = Talent(id=who, owner=await people.add(house, owner), confidence_required=True)
        grant = Grant(talent=who, capability=capability_id("house.lamps"), target=TARGET)
        await house.record(operator.talent(talent, "test"), operator.grant(grant, "test"))


async def test_one_that_is_less_sure_than_the_asker(world: World) -> None:
    async with world.opened() as house:
        await two_unsure(house)
        waits = await house.kernel.act(world.ask(*LAMPS, talent=ASKER, claim=claim()))
        look = await house.kernel.act(world.ask(*LAMPS, "plan", talent=SECOND))
        assert waits.decision is not None and waits.decision.verdict is Verdict.HOLD
        assert look.decision is not None and look.decision.verdict is Verdict.ESCALATE
        with pytest.raises(FabricError, match="would itself wait for people") as refused:
            await house.kernel.approve(waits.action, by_source(asked(house, waits.action), SECOND, look.action, "same"))
        assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


async def test_only_evidence_that_was_handed_in_settles_what_is_borderline(world: World) -> None:
    paper = {"type": "filing", "url": "https://a.example/1", "hash": sha256(PAPER)}
    async with world.opened() as house:
        await two_unsure(house)
        waits = await house.kernel.act(world.ask(*LAMPS, talent=ASKER, claim=claim()))
        for said in (claim(), claim(paper)):
            look = await house.kernel.act(world.ask(*LAMPS, "plan", talent=SECOND, claim=said))
            with pytest.raises(FabricError, match="no checked evidence") as refused:
                await house.kernel.approve(waits.action, by_source(asked(house, waits.action), SECOND, look.action, ""))
            assert refused.value.code is Code.APPROVAL_INVALID
        assert world.peer.writes == []
        held = world.ask(*LAMPS, "plan", talent=SECOND, claim=claim(paper), evidence=(sha256(PAPER),))
        look = await house.kernel.act(held)
        done = await house.kernel.approve(waits.action, by_source(asked(house, waits.action), SECOND, look.action, ""))
    assert done.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("unowned", ["asker", "source", "owns itself"])
async def test_nobody_answers_for_one_of_them(world: World, unowned: str) -> None:
    people = People()
    async with world.opened() as house:
        ann, ben = await people.add(house, "Ann"), await people.add(house, "Ben")
        await people.asker(house, owner=None if unowned == "asker" else ann)
        owner = {"asker": ben, "source": None, "owns itself": SECOND}[unowned]
        await people.asker(house, owner=owner, name="Second")
        people.ask_about_everything(house, Needs(source=True), Verdict.HOLD)
        waits = await house.kernel.act(world.ask(*LAMPS, talent=ASKER))
        look = await house.kernel.act(world.ask(*LAMPS, "plan", talent=SECOND))
        with pytest.raises(FabricError, match="no person answers for") as refused:
            await house.kernel.approve(waits.action, by_source(asked(house, waits.action), SECOND, look.action, ""))
        assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []
