"""Who asks lets something agree that it owns: a person on its payroll, or its agent as a second source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, People, asked

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import ApprovalGiven
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World

    from infrafabric.kernel.ports import Asked


async def test_a_person_whom_the_asker_owns(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        direct = await people.add(house, "Direct", owner=OPERATOR)
        indirect = await people.add(house, "Indirect", owner=direct)
        waits = await house.kernel.act(world.lamps(hall=True))
        for who in (direct, indirect):
            with pytest.raises(FabricError, match="owned by it") as refused:
                await house.kernel.approve(waits.action, people.agrees(house, waits, who))
            assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


@pytest.mark.parametrize("who", ["the asker's own", "of the same owner", "the asker itself", "the asker's owner"])
async def test_a_second_source_that_is_not_independent(world: World, who: str) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(source=True), Verdict.HOLD)
        await people.asker(house)
        waits = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER))
        if who == "the asker itself":
            source = ASKER
        elif who == "the asker's owner":
            source = OPERATOR
        else:
            source = await people.asker(house, owner=ASKER if who == "the asker's own" else OPERATOR, name="Second")
        look = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, "plan", talent=source))
        assert look.changes_digest == waits.changes_digest
        with pytest.raises(FabricError, match="not independent") as refused:
            await house.kernel.approve(waits.action, by_source(asked(house, waits.action), source, look.action))
    assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


async def test_a_source_does_not_answer_what_is_for_people(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(source=True), Verdict.ESCALATE)
        await people.asker(house)
        waits = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER))
        source = await people.asker(house, owner=None, name="Second")
        look = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, "plan", talent=source))
        with pytest.raises(FabricError, match="for people"):
            await house.kernel.approve(waits.action, by_source(asked(house, waits.action), source, look.action))
    assert world.peer.writes == []


async def test_a_source_that_planned_something_else(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(source=True), Verdict.HOLD)
        await people.asker(house)
        source = await people.asker(house, owner=None, name="Second")
        waits = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER))
        look = await house.kernel.act(world.ask("house.lamps", {"lamps": {"porch": True}}, "plan", talent=source))
        twin = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=source))
        question = asked(house, waits.action)
        for action, why in (
            (look.action, "other changes"),
            (twin.action, "wrote nothing"),
            ("nothing", "wrote nothing"),
        ):
            with pytest.raises(FabricError, match=why):
                await house.kernel.approve(waits.action, by_source(question, source, action))
    assert world.peer.writes == []


def by_source(question: Asked, talent: str, source: str) -> ApprovalGiven:
    return ApprovalGiven(
        approver=talent,
        verdict=question.decision.verdict,
        context_digest=question.context_digest,
        nonce=question.pending.nonce,
        expires=question.pending.expires,
        source=source,
    )
