"""An approval that comes too late, or claims to hold longer than the question, does not count."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People, kinds

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Needs
from infrafabric.policy.approvals import PeopleApprovals

if TYPE_CHECKING:
    from world import World


def late() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=901)


async def test_an_approval_after_the_time_ends_the_action(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        given = people.agrees(house, waits, ann)
        house.kernel.parts.approvals = PeopleApprovals(house.authority, now=late)
        report = await house.kernel.approve(waits.action, given)
        assert kinds(house, waits.action)[-2:] == ["approval.expired", "action.refused"]
        assert house.log.facts.get("pending", waits.action) is None
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.APPROVAL_EXPIRED
    assert world.peer.writes == []


async def test_a_longer_time_than_the_question_has(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        given = people.agrees(house, waits, ann).model_copy(update={"expires": "2099-01-01T00:00:00Z"})
        with pytest.raises(FabricError, match="longer than the question"):
            await house.kernel.approve(waits.action, given)
    assert world.peer.writes == []


async def test_the_first_of_two_approvals_ran_out_before_the_second_came(world: World) -> None:
    """A person may let an approval hold for less time than the question has; it is then counted no longer than that."""
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, Needs(people=2))
        ann, ben = await people.add(house, "Ann"), await people.add(house, "Ben")
        soon = f"{datetime.now(UTC) + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}"
        await house.kernel.approve(waits.action, people.agrees(house, waits, ann, expires=soon))
        house.kernel.parts.approvals = PeopleApprovals(
            house.authority, now=lambda: datetime.now(UTC) + timedelta(seconds=120)
        )
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ben))
    assert report.outcome is Outcome.WAITING and report.error is not None
    assert "1 more person must agree" in report.error.message and "expired at" in report.error.message
    assert world.peer.writes == []


async def test_a_kernel_that_starts_ends_what_is_overdue(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(wait_s=1))
        await people.asker(house)
        ask = world.ask(*HALL, talent=ASKER, idempotency_key="k")
        waits = await house.kernel.act(ask)
    await asyncio.sleep(1.2)
    async with world.opened() as house:
        state = house.log.facts.get("state", waits.action)
        again = await house.kernel.act(ask)
    assert state is not None and state["code"] == Code.APPROVAL_EXPIRED.value
    assert again.action != waits.action, "the key is free again, as nothing was written"
