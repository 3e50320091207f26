"""A plan that was refuted, or never tried though it was to be, is approved: nothing of it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People, kinds

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.history import History
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.attempts import Attempted
from infrafabric.kernel.words.entries import Kind, PlanFalsified
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Ask


async def never(case: Case) -> str:
    raise Refuted("it is bad")


async def stands(case: Case) -> str:
    return "it is good"


def hall(world: World, *, falsify: bool = True) -> Ask:
    return world.ask(*HALL, talent=ASKER, falsify=falsify)


async def test_a_kernel_that_dies_over_a_refutation_leaves_no_question(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        house.kernel.parts.attempts = {"mine": never}
        append = house.log.append

        async def full(*entries: Entry) -> object:
            if any(entry.kind is Kind.ACTION_REFUSED for entry in entries):
                raise FabricError(Code.DISK_FULL, "no room for the refusal")
            return await append(*entries)

        with monkeypatch.context() as patched:
            patched.setattr(house.log, "append", full)
            with pytest.raises(FabricError, match="no room"):
                await house.kernel.act(hall(world))
        assert house.log.facts.scan("pending") == []
        ((action, _),) = house.log.facts.scan("open")
        assert "plan.falsified" in kinds(house, action)
    async with world.opened() as house:
        state = house.log.facts.get("state", action)
        assert state is not None and state["state"] == "failed"
    assert world.peer.writes == []


async def test_a_plan_to_be_tried_is_tried_again_when_it_is_taken_up(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        house.kernel.parts.attempts = {"mine": stands}
        waits = await house.kernel.act(hall(world))
        assert waits.outcome is Outcome.WAITING
        house.kernel.parts.attempts = {"mine": never}
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        assert report.error is not None and report.error.code is Code.FALSIFIED
        assert kinds(house, waits.action).count("plan.falsified") == 2
    assert report.outcome is Outcome.REFUSED and world.peer.writes == []


async def test_a_plan_that_stands_twice_is_applied(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        waits = await house.kernel.act(hall(world))
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        assert (report.outcome, report.error) == (Outcome.CONVERGED, None)
    assert len(world.peer.writes) == 1


async def refuted_before(house: House, world: World, action: str) -> None:
    """As a former kernel left it: the refutation on record, and the question still open."""
    received = History.of(action, house.log.entries(action)).received
    assert received is not None
    body = PlanFalsified(
        tenant=received.tenant,
        talent=received.talent,
        target=received.target,
        trace=received.trace,
        capability=received.capability,
        why="before the show",
        changes_digest="sha256:" + "0" * 64,
        attempts=(Attempted(name="mine", result="refuted", said="it is bad"),),
    )
    await house.log.append(Entry(Kind.PLAN_FALSIFIED, body, action, received.talent))


async def test_what_is_refuted_on_record_cannot_be_approved(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        waits = await house.kernel.act(hall(world, falsify=False))
        await refuted_before(house, world, waits.action)
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.error is not None and report.error.code is Code.FALSIFIED
    assert world.peer.writes == []


async def test_what_is_refuted_on_record_ends_at_the_next_start(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        waits = await house.kernel.act(hall(world, falsify=False))
        await refuted_before(house, world, waits.action)
    async with world.opened() as house:
        state = house.log.facts.get("state", waits.action)
        assert state is not None and (state["state"], state["code"]) == ("refused", Code.FALSIFIED.value)
        assert house.log.facts.get("pending", waits.action) is None


async def test_a_plan_of_another_than_was_looked_at_asks_nobody(world: World) -> None:
    """`expect` too is held against the plan before people are asked about it."""
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        report = await house.kernel.act(world.ask(*HALL, talent=ASKER, expect="sha256:" + "0" * 64))
        assert report.error is not None and report.error.code is Code.PLAN_STALE
        decided = History.of(report.action, house.log.entries(report.action)).decided
        assert decided is not None and decided.pending is None
