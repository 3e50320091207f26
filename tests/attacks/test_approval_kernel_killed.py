"""kill -9 with questions and a budget open, at every station that follows an approval: nothing is lost, nothing happens
twice, and nothing stays set aside."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People, asked, kinds

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.policy.budgets import Ledger

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

pytestmark = pytest.mark.timeout(120)
BUDGET = Budget(subject=f"talent:{ASKER}", unit=Unit.REQUESTS, period="day", limit=3)
SCRIPT = Path(__file__).parents[1] / "support" / "approving_process.py"


async def question(world: World, people: People) -> Report:
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        await people.add(house, "Ann")
        await house.record(house.operator(new_trace_id()).budget(BUDGET, "test"))
        return await house.kernel.act(world.ask(*HALL, talent=ASKER))


async def killed(world: World, people: People, waits: Report, moment: str) -> None:
    """A kernel of its own in which Ann agrees, and which dies at that moment."""
    seed = people.keys["if://person/Ann"].seed.hex()
    command = [sys.executable, str(SCRIPT), str(world.home.root), waits.action, seed, moment]
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
    output, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, (output, errors)


async def test_a_question_survives(world: World) -> None:
    people = People()
    waits = await question(world, people)
    await killed(world, people, waits, "opened")
    async with world.opened() as house:
        people.ask_about_everything(house)
        assert asked(house, waits.action).pending == waits.pending
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, "if://person/Ann"))
    assert report.outcome is Outcome.CONVERGED and len(world.peer.writes) == 1


def spent(house: House) -> tuple[int, int]:
    """Used and set aside."""
    (standing,) = Ledger(house.log.facts, house.authority, clock=house.clock).standings()
    return standing.used, standing.reserved


NOT_TAKEN_UP = ("given", Station.RECEIVED, Station.RESOLVED, Station.PLANNED)
TAKEN_UP = (Station.DECIDED, Station.INTENDED, Station.SENT, Station.OBSERVED, Station.VERIFIED, Station.CLOSED)


def test_these_are_all_stations() -> None:
    assert {*NOT_TAKEN_UP, *TAKEN_UP} == {"given", *Station} - {Station.REFUSED}


@pytest.mark.parametrize("moment", NOT_TAKEN_UP)
async def test_answered_in_full_and_not_taken_up_is_refused(world: World, moment: str) -> None:
    people = People()
    waits = await question(world, people)
    await killed(world, people, waits, moment)
    assert world.peer.writes == []
    async with world.opened() as house:
        people.ask_about_everything(house)
        said = [text for text in house.warnings if waits.action in text]
        assert kinds(house, waits.action)[-2:] == ["approval.given", "action.refused"]
        state = house.log.facts.get("state", waits.action)
        with pytest.raises(FabricError) as late:
            asked(house, waits.action)
        assert spent(house) == (0, 0)
    assert state is not None and state["code"] == Code.INTERRUPTED.value
    assert len(said) == 1 and late.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


@pytest.mark.parametrize("moment", TAKEN_UP)
async def test_killed_after_it_was_taken_up(world: World, moment: Station) -> None:
    """From the second decision on it is an action like any other that a kernel left."""
    people = People()
    waits = await question(world, people)
    await killed(world, people, waits, moment)
    sent = len(world.peer.writes)
    assert sent == (0 if moment in (Station.DECIDED, Station.INTENDED) else 1)
    async with world.opened() as house:
        assert spent(house) == (0 if moment is Station.DECIDED else 1, 0), "what was intended may have been sent"
        state = house.log.facts.get("state", waits.action)
        assert house.log.facts.get("pending", waits.action) is None
    assert state is not None and state["state"] == ("converged" if sent else "failed")
    assert len(world.peer.writes) == sent
