"""Entries between which nothing leaves the process, and nobody stands at a station, go into the log together."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ports import Appended, Entry

HELD_S = "infrafabric.kernel.verifying.HELD_S"
ASKED = [Kind.ACTION_RECEIVED]
BEGUN = [Kind.ACTION_PLANNED, Kind.ACTION_DECIDED, Kind.EFFECT_INTENDED]
ENDED = [Kind.EFFECT_OBSERVED, Kind.ACTION_CLOSED]


class Transactions:
    """What the log is given at once; it takes no call that holds an entry of the kind `refused`.

    An answer waits as long as it takes for the look after it: how quick this machine is must not matter.
    """

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch, refused: Kind | None = None) -> None:
        monkeypatch.setattr(HELD_S, 60.0)
        self.kinds: list[list[Kind]] = []
        log = house.kernel.parts.log
        append = log.append

        async def told(*entries: Entry) -> Sequence[Appended]:
            kinds = [entry.kind for entry in entries]
            if refused in kinds:
                raise FabricError(Code.DISK_FULL, "the test has no room for it")
            appended = await append(*entries)
            if any(entry.action for entry in entries):
                self.kinds.append(kinds)
            return appended

        monkeypatch.setattr(log, "append", told)


async def loaded(house: House, world: World) -> None:
    """The house's adapters, and its lamps off."""
    await house.kernel.act(world.lamps(hall=False))
    await house.kernel.act(world.ask("house.chime", {"tone": "low"}, "plan"))


async def test_a_state_takes_three(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch)
        report = await house.kernel.act(world.lamps(hall=True))
        kinds = [kind for _, kind, _ in house.log.entries(report.action)]
        assert (await house.log.audit_all()).problem == ""
    assert report.outcome is Outcome.CONVERGED and world.peer.writes == ["POST /lamps/hall"]
    assert log.kinds == [ASKED, BEGUN, ENDED] and kinds == ASKED + BEGUN + ENDED


async def test_an_event_takes_three(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch)
        report = await house.kernel.act(world.ask("house.chime", {"tone": "high"}))
    assert report.outcome is Outcome.DONE and log.kinds == [ASKED, BEGUN, ENDED]


async def test_each_write_is_intended_after_the_one_before_was_observed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch)
        report = await house.kernel.act(world.lamps(hall=True, porch=True))
    assert report.outcome is Outcome.CONVERGED
    assert log.kinds == [ASKED, BEGUN, [Kind.EFFECT_OBSERVED], [Kind.EFFECT_INTENDED], ENDED]


async def test_who_stands_at_the_stations_finds_each_on_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch)
        await house.kernel.act(world.lamps(hall=True), lambda action, station: None)
    assert log.kinds == [ASKED, BEGUN[:2], BEGUN[2:], ENDED[:1], ENDED[1:]]


async def test_an_answer_is_on_record_before_a_second_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        world.peer.deaf = True
        log = Transactions(house, monkeypatch)
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.FAILED and log.kinds == [ASKED, BEGUN, ENDED[:1], ENDED[1:]]


async def test_an_answer_does_not_wait_for_a_slow_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    look, read = threading.Event(), world.peer.read

    def slow(path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if world.peer.writes:
            look.wait(20)
        return read(path, query)

    async with world.opened() as house:
        await loaded(house, world)
        monkeypatch.setattr(world.peer, "read", slow)
        log = Transactions(house, monkeypatch)
        monkeypatch.setattr(HELD_S, 0.0)
        acting = asyncio.create_task(house.kernel.act(world.lamps(hall=True)))
        while len(log.kinds) < 3:
            await asyncio.sleep(0.01)
        assert log.kinds == [ASKED, BEGUN, ENDED[:1]] and not acting.done()
        look.set()
        assert (await acting).outcome is Outcome.CONVERGED


async def test_a_plan_that_the_log_does_not_take_is_not_applied(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch, refused=Kind.ACTION_DECIDED)
        report = await house.kernel.act(world.lamps(hall=True))
        assert house.log.facts.get("open", report.action) is None
    assert report.outcome is Outcome.REFUSED and report.error is not None and report.error.code is Code.DISK_FULL
    assert world.peer.writes == [] and log.kinds == [ASKED, [Kind.ACTION_REFUSED]]


async def test_a_write_that_the_log_does_not_take_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch, refused=Kind.EFFECT_INTENDED)
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.REFUSED and world.peer.writes == []
    assert log.kinds == [ASKED, BEGUN[:2], [Kind.ACTION_REFUSED]], "what was decided stays on record"


@pytest.mark.parametrize("capability", ["house.lamps", "house.chime"])
async def test_an_answer_that_the_log_does_not_take_leaves_the_action_in_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch, capability: str
) -> None:
    intent: dict[str, Any] = {"lamps": {"hall": True}} if capability == "house.lamps" else {"tone": "high"}
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch, refused=Kind.EFFECT_OBSERVED)
        report = await house.kernel.act(world.ask(capability, intent))
        assert house.log.facts.get("open", report.action) is not None
    assert report.outcome is Outcome.IN_DOUBT and log.kinds == [ASKED, BEGUN]


async def test_what_was_decided_is_on_record_where_the_target_moved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.opened() as house:
        await loaded(house, world)
        log = Transactions(house, monkeypatch)
        driver = house.kernel.parts.drivers["http"]
        address, asked = driver.address, 0

        async def moved(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            return await address(*arguments) if asked == 1 else {"host": "elsewhere"}

        monkeypatch.setattr(driver, "address", moved)
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.error is not None and report.error.code is Code.PLAN_STALE and world.peer.writes == []
    assert log.kinds == [ASKED, BEGUN[:2], [Kind.ACTION_REFUSED]]
