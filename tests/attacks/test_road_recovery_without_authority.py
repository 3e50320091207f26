"""What a dead kernel left open is finished by today's authority, at the same place, on record; or it stays in doubt."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Peer, World

    from infrafabric.control.house import House

pytestmark = pytest.mark.timeout(120)


async def die(world: World, capability: str, intent: dict[str, object], station: Station) -> None:
    arguments = world.command(capability, json.dumps(intent), "apply", station.value, "1")
    process = await asyncio.create_subprocess_exec(*arguments, stdout=-1, stderr=-1)
    output, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, (output, errors)


def the_action(house: House) -> str:
    return str(house.log.facts.scan("action")[-1][0])


@pytest.mark.parametrize("station", [Station.INTENDED, Station.SENT])
async def test_without_the_grant_nothing_is_sent_again(world: World, station: Station) -> None:
    await die(world, "house.chime", {"tone": "low"}, station)
    sent = len(world.peer.writes)
    async with world.opened("operating") as house:
        await world.grant(house, "house.chime", "revoked")
    async with world.opened() as house:
        assert house.log.facts.get("open", the_action(house)) is not None, "it stays in doubt"
    assert len(world.peer.writes) == sent


async def test_without_the_grant_nothing_is_read_either(world: World) -> None:
    await die(world, "house.lamps", {"lamps": {"hall": True}}, Station.SENT)
    async with world.opened("operating") as house:
        await world.grant(house, "house.lamps", "revoked")
    world.peer.reads.clear()
    async with world.opened() as house:
        assert house.log.facts.get("open", the_action(house)) is not None
    assert world.peer.reads == []


async def test_another_machine_under_the_same_name_is_not_written_to(world: World, second_peer: Peer) -> None:
    await die(world, "house.chime", {"tone": "low"}, Station.SENT)
    async with world.opened("operating") as house:
        await world.move(house, second_peer.port)
    async with world.opened() as house:
        assert house.log.facts.get("open", the_action(house)) is not None
    assert second_peer.writes == [] and len(world.peer.rings) == 1


async def test_the_second_attempt_is_on_record(world: World) -> None:
    await die(world, "house.chime", {"tone": "low"}, Station.INTENDED)
    async with world.opened() as house:
        action = the_action(house)
        rows = house.log.entries(action)
        attempts = [(kind, body["attempt"]) for _, kind, body in rows if body and "attempt" in body]
        history = History.of(action, rows)
        assert attempts == [(Kind.EFFECT_INTENDED, 1), (Kind.EFFECT_INTENDED, 2), (Kind.EFFECT_OBSERVED, 2)]
        assert history.closed is not None and history.closed.outcome is Outcome.DONE
        undone = await house.kernel.undo(action, "if://person/operator", "not meant")
    assert undone.outcome is Outcome.UNDONE and world.peer.rings == {}


async def test_a_broken_driver_does_not_keep_the_kernel_from_starting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(world, "house.lamps", {"lamps": {"hall": True}}, Station.SENT)

    async def breaks(*_: object) -> None:
        raise RuntimeError("the driver is broken")

    with monkeypatch.context() as broken:
        broken.setattr("infrafabric.transports.http.driver.HttpDriver.perform", breaks)
        async with world.opened() as house:
            assert house.log.facts.get("open", the_action(house)) is not None
    async with world.opened() as house:
        assert house.log.facts.get("open", the_action(house)) is None
