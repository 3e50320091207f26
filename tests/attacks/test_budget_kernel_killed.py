"""kill -9 while something is set aside: a restart neither loses what was spent nor frees what is in doubt."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.policy.budgets import Ledger

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

LIMIT = 3
pytestmark = pytest.mark.timeout(120)


async def killed_at(world: World, capability: str, intent: dict[str, Any], station: Station) -> None:
    arguments = world.command(capability, json.dumps(intent), "apply", station.value, "1", "")
    process = await asyncio.create_subprocess_exec(*arguments, stdout=-1, stderr=-1)
    output, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, (output, errors)


async def limited(world: World) -> None:
    value = Budget(subject=f"talent:{OPERATOR}", unit=Unit.REQUESTS, period="day", limit=LIMIT)
    async with world.opened("operating") as house:
        await house.record(house.operator(new_trace_id()).budget(value, "test"))


def stands(house: House) -> tuple[int, int]:
    """Used and set aside."""
    (standing,) = Ledger(house.log.facts, house.authority, clock=house.clock).standings()
    return standing.used, standing.reserved


async def left(world: World, house: House) -> int:
    """How many more writes the kernel lets through: it is asked for one at a time."""
    for number in range(LIMIT + 1):
        report = await house.kernel.act(world.ask("house.chime", {"tone": f"{number}"}))
        if report.outcome is not Outcome.DONE:
            assert report.error is not None and report.error.code is Code.BUDGET_EXCEEDED
            return number
    return LIMIT + 1


STATIONS = [Station.PLANNED, Station.DECIDED, Station.INTENDED, Station.SENT, Station.OBSERVED, Station.CLOSED]


@pytest.mark.parametrize("station", STATIONS)
async def test_a_state_that_recovery_looks_at_is_settled_by_what_was_sent(world: World, station: Station) -> None:
    await limited(world)
    await killed_at(world, "house.lamps", {"lamps": {"hall": True, "porch": True}}, station)
    async with world.opened("operating") as house:
        planned_only = station is Station.PLANNED
        closed = station is Station.CLOSED
        assert stands(house) == ((2, 0) if closed else (0, 0 if planned_only else 2)), "before any recovery"
    async with world.opened() as house:
        used, reserved = stands(house)
        # What was intended may have been sent: it counts. What was not even begun does not.
        intended = {Station.PLANNED: 0, Station.DECIDED: 0, Station.CLOSED: 2}.get(station, 1)
        assert (used, reserved) == (intended, 0)
        assert await left(world, house) == LIMIT - intended
        assert (await house.log.audit_all()).problem == ""


async def test_an_event_in_doubt_stays_set_aside_until_a_person_closes_it(world: World) -> None:
    await limited(world)
    await killed_at(world, "house.bell", {"tone": "low"}, Station.SENT)
    for _ in range(2):
        async with world.opened() as house:
            assert stands(house) == (0, 1)
    async with world.opened() as house:
        assert await left(world, house) == LIMIT - 1
        (action,) = [key for key, _ in house.log.facts.scan("open")]
        await house.kernel.close(action, Outcome.FAILED, OPERATOR, "it did not ring")
        assert stands(house) == (LIMIT, 0), "a write that may have been taken was one"
        assert await left(world, house) == 0
