"""Who asks lets something agree that it owns: a person on its payroll, or its agent as a second source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People, by_source

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World


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
        waits = await people.waiting(world, house, Needs(source=True), Verdict.HOLD)
        if who == "the asker itself":
            source = ASKER
        elif who == "the asker's owner":
            source = OPERATOR
        else:
            source = await people.asker(house, owner=ASKER if who == "the asker's own" else OPERATOR, name="Second")
        look = await house.kernel.act(world.ask(*HALL, "plan", talent=source))
        assert look.changes_digest == waits.changes_digest
        with pytest.raises(FabricError, match="not independent") as refused:
            await house.kernel.approve(waits.action, by_source(house, waits, source, look.action))
    assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


async def test_a_source_does_not_answer_what_is_for_people(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, Needs(source=True), Verdict.ESCALATE)
        source = await people.asker(house, owner=None, name="Second")
        look = await house.kernel.act(world.ask(*HALL, "plan", talent=source))
        with pytest.raises(FabricError, match="for people"):
            await house.kernel.approve(waits.action, by_source(house, waits, source, look.action))
    assert world.peer.writes == []


async def test_a_source_that_planned_something_else(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, Needs(source=True), Verdict.HOLD)
        source = await people.asker(house, owner=None, name="Second")
        look = await house.kernel.act(world.ask("house.lamps", {"lamps": {"porch": True}}, "plan", talent=source))
        twin = await house.kernel.act(world.ask(*HALL, talent=source))
        for action, why in (
            (look.action, "other changes"),
            (twin.action, "wrote nothing"),
            ("nothing", "wrote nothing"),
        ):
            with pytest.raises(FabricError, match=why):
                await house.kernel.approve(waits.action, by_source(house, waits, source, action))
    assert world.peer.writes == []
