"""A second source is made once and answers question after question, or is one though nobody lets its talent act."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from people import ASKER, TARGET, People, asked

from infrafabric.control.approver_key import by_source
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome, Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.kernel.words.things import Grant

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

BELL = ("house.bell", {"tone": "low"})


async def source(world: World, house: House, people: People) -> tuple[str, Report]:
    """A talent of another owner, and its plan for the same as the asker's; from now on every plan waits."""
    await people.asker(house, "house.bell")
    other = await people.asker(house, "house.bell", owner=await people.add(house, "Ben"), name="Second")
    people.ask_about_everything(house, Needs(source=True), Verdict.HOLD)
    return other, await house.kernel.act(world.ask(*BELL, "plan", talent=other))


async def test_a_source_answers_one_question(world: World) -> None:
    people = People()
    async with world.opened() as house:
        other, look = await source(world, house, people)
        first = await house.kernel.act(world.ask(*BELL, talent=ASKER))
        done = await house.kernel.approve(
            first.action, by_source(asked(house, first.action), other, look.action, "same")
        )
        assert done.outcome is Outcome.DONE
        again = await house.kernel.act(world.ask(*BELL, talent=ASKER))
        with pytest.raises(FabricError, match="is one once") as refused:
            await house.kernel.approve(again.action, by_source(asked(house, again.action), other, look.action, "same"))
        assert refused.value.code is Code.APPROVAL_INVALID
    assert len(world.peer.rings) == 1


async def test_a_source_answers_one_of_two_questions_at_once(world: World) -> None:
    people = People()
    async with world.opened() as house:
        other, look = await source(world, house, people)
        waits = [await house.kernel.act(world.ask(*BELL, talent=ASKER)) for _ in range(2)]
        answers = [by_source(asked(house, one.action), other, look.action, "same") for one in waits]
        both = [house.kernel.approve(one.action, given) for one, given in zip(waits, answers, strict=True)]
        came = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in came) == ["FabricError", "Report"]
    assert len(world.peer.rings) == 1


async def test_a_source_whose_grant_was_withdrawn(world: World) -> None:
    people = People()
    async with world.opened() as house:
        other, look = await source(world, house, people)
        grant = Grant(talent=other, capability=capability_id("house.bell"), target=TARGET)
        await house.record(house.operator(new_trace_id()).grant(grant, "off", "revoked"))
        waits = await house.kernel.act(world.ask(*BELL, talent=ASKER))
        with pytest.raises(FabricError, match="has no grant") as refused:
            await house.kernel.approve(waits.action, by_source(asked(house, waits.action), other, look.action, "same"))
        assert refused.value.code is Code.APPROVAL_INVALID
    assert not world.peer.rings
