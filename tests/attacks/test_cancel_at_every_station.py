"""A cancellation at every station of the road: nothing is written after it, and the log says how far it came.

The stations come from the road itself; what is asserted is what the house saw.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.control.stop_file import StopFolder, stop_key
from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

BEFORE_ANY_WRITE = [Station.RECEIVED, Station.RESOLVED, Station.PLANNED, Station.DECIDED]
ON_THE_WAY = [*BEFORE_ANY_WRITE, Station.INTENDED, Station.SENT, Station.OBSERVED]
THREE = {"hall": True, "porch": True, "attic": True}
WHY = "wrong lamps"
pytestmark = pytest.mark.timeout(120)


async def cut(world: World, house: House, station: Station, *, by_file: bool = False, nth: int = 1) -> Report:
    """Apply to three lamps, and cancel the action as it passes `station` for the `nth` time."""
    passed = 0

    def watch(action: str, at: Station) -> None:
        nonlocal passed
        passed += at is station
        if at is not station or passed != nth:
            return
        if by_file:
            StopFolder(world.home.root).cancel(action, OPERATOR, WHY)
        else:
            house.kernel.halt(action, OPERATOR, WHY)

    return await house.kernel.act(world.lamps(**THREE), watch)


def sent_before(station: Station, nth: int = 1) -> int:
    """Writes that reach the house when the cancellation comes at `station` for the `nth` time."""
    if station in BEFORE_ANY_WRITE:
        return 0
    return nth - 1 if station is Station.INTENDED else nth


@pytest.mark.parametrize("by_file", [False, True], ids=["in the kernel", "by file"])
@pytest.mark.parametrize("station", ON_THE_WAY)
async def test_nothing_is_written_after_it(world: World, station: Station, by_file: bool) -> None:
    async with world.opened() as house:
        report = await cut(world, house, station, by_file=by_file)
        assert len(world.peer.writes) == sent_before(station)
        assert report.error is not None and report.error.code is Code.CANCELLED
        assert OPERATOR in report.error.message and WHY in report.error.message
        assert report.outcome is (Outcome.REFUSED if station in BEFORE_ANY_WRITE else Outcome.FAILED)
        history = History.of(report.action, house.log.entries(report.action))
        assert history.ended and not history.doubtful
        assert len(history.done) == sent_before(station)
        assert report.remains is None or len(report.remains.changes) == 3 - sent_before(station)
        assert house.log.facts.get("open", report.action) is None
        assert (await house.log.audit()).problem == ""


@pytest.mark.parametrize("station", [Station.INTENDED, Station.SENT, Station.OBSERVED])
async def test_between_the_writes_of_one_action(world: World, station: Station) -> None:
    async with world.opened() as house:
        report = await cut(world, house, station, nth=2)
        assert len(world.peer.writes) == sent_before(station, 2)
        assert report.error is not None and report.error.code is Code.CANCELLED
        undone = await house.kernel.undo(report.action, OPERATOR, "back to what was")
        assert undone.outcome is Outcome.UNDONE, undone.error
        assert len(world.peer.writes) == 2 * sent_before(station, 2), "the undo covers what was made, and no more"
        assert not any(world.peer.lamps.values())


@pytest.mark.parametrize("station", [Station.VERIFIED, Station.CLOSED])
async def test_one_that_comes_too_late_changes_nothing(world: World, station: Station) -> None:
    async with world.opened() as house:
        report = await cut(world, house, station)
        assert report.outcome is Outcome.CONVERGED and report.error is None
        with pytest.raises(FabricError) as refused:
            await house.kernel.cancel(report.action, OPERATOR, WHY)
        assert refused.value.code is Code.NOT_UNDER_WAY


async def test_a_write_under_way_is_observed_to_its_end(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.lamps(**THREE)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        cancelling = asyncio.create_task(house.kernel.cancel(action, OPERATOR, WHY))
        await asyncio.sleep(0)
        world.peer.late.set()
        told, report = await cancelling, await running
        assert told == report and report.error is not None and report.error.code is Code.CANCELLED
        assert len(world.peer.writes) == 1
        history = History.of(action, house.log.entries(action))
        assert [body.result for body in history.observed.values()] == ["answered"]


@pytest.mark.parametrize("how", ["cancel", "cancel by file", "stop"])
async def test_an_adapters_wait_ends_at_once(attackers: Attackers, how: str) -> None:
    waits = """
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        return Plan([self.on("hall"), self.on("porch")])

    async def apply(self, plan, host, dry_run=False):
        await host.perform("change-1")
        await host.wait(50)
        await host.perform("change-2")
    """
    world = attackers.world
    folder = StopFolder(world.home.root)
    async with world.opened() as house:
        name = await attackers.install(house, waits)
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True, "porch": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        await asyncio.sleep(0.1)
        match how:
            case "cancel":
                house.kernel.halt(action, OPERATOR, WHY)
            case "cancel by file":
                folder.cancel(action, OPERATOR, WHY)
            case _:
                folder.write(stop_key("all"), "set", OPERATOR, WHY)
        report = await asyncio.wait_for(running, 10)
        expected = Code.STOPPED if how == "stop" else Code.CANCELLED
        assert report.error is not None and report.error.code is expected
        assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_wait_for_what_settles_ends_at_once(attackers: Attackers) -> None:
    plans = """
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        present = (await host.read("state")).json()["lamps"]
        return Plan([] if present["hall"] else [self.on("hall")])
    """
    world = attackers.world
    world.peer.deaf = True
    async with world.opened() as house:
        name = await attackers.install(house, plans, **{"repeatable: true": "settle_s: 50"})
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        await asyncio.sleep(0.2)
        house.kernel.halt(action, OPERATOR, WHY)
        report = await asyncio.wait_for(running, 10)
        assert report.error is not None and report.error.code is Code.CANCELLED
        assert report.remains is not None and len(report.remains.changes) == 1


async def test_only_who_may_cancels(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.lamps(hall=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        (action,) = house.kernel.under_way
        with pytest.raises(FabricError) as refused:
            await house.kernel.cancel(action, "if://agent/Nobody", WHY)
        assert refused.value.code is Code.TALENT_UNKNOWN
        with pytest.raises(FabricError) as without:
            await house.kernel.cancel(action, OPERATOR, "  ")
        assert without.value.code is Code.WHY_REQUIRED
        world.peer.late.set()
        assert (await running).outcome is Outcome.CONVERGED
