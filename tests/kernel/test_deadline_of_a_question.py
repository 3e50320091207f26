"""The deadline of an ask holds also while its plan waits for people: theirs is no leave to act too late."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from people import People, asked

from infrafabric.kernel.errors import Code
from infrafabric.kernel.history import History
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


async def test_an_agreement_that_comes_too_late(world: World) -> None:
    people = People()
    async with world.opened() as house:
        ann = await people.add(house, "Ann")
        waits = await people.waiting(world, house, deadline_s=2.0)
        given = people.agrees(house, waits, ann)
        await asyncio.sleep(2.5)
        report = await house.kernel.approve(waits.action, given)
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.DEADLINE
    assert world.peer.writes == []


async def test_nobody_answers_in_time(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, deadline_s=0.5)
        await asyncio.sleep(0.6)
        assert await house.kernel.expire() == [waits.action]
        state = house.log.facts.get("state", waits.action)
    assert state is not None and state["code"] == Code.DEADLINE.value


async def test_an_agreement_in_time_whose_turn_comes_too_late(world: World) -> None:
    people = People()
    async with world.opened() as house:
        ann = await people.add(house, "Ann")
        waits = await people.waiting(world, house, deadline_s=4.0)
        async with house.kernel.parts.governor.turn("house@home", 1, "if://person/another"):
            report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.DEADLINE
    assert "turn" in report.error.message
    assert world.peer.writes == []


async def test_the_question_ends_with_the_deadline_and_not_after_it(world: World) -> None:
    people = People()
    async with world.opened() as house:
        ann = await people.add(house, "Ann")
        waits = await people.waiting(world, house, deadline_s=60.0)
        pending = asked(house, waits.action).pending
        received = History.of(waits.action, house.log.entries(waits.action)).received
        assert received is not None and pending.expires == received.deadline
        assert pending.needs.wait_s <= 60, "a second source is to be as recent as the question is short"
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.CONVERGED, report.error


async def test_a_later_deadline_leaves_the_question_as_it_is(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, deadline_s=80_000.0)
        pending = asked(house, waits.action).pending
        left = datetime.fromisoformat(pending.expires) - house.kernel.parts.now()
    assert pending.needs.wait_s == 900
    assert left <= timedelta(seconds=900)
