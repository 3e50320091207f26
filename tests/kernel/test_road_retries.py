"""Writes that are tried again, against a house that is not well for a while. What counts is what the house saw."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import EffectIntended, EffectObserved, Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

ON = """
async def plan(self, intent, host):
    lamps = (await host.read("state")).json()["lamps"]
    return Plan([self.on(lamp) for lamp in intent["lamps"] if not lamps[lamp]])
"""
QUICK = {"backoff: []": "backoff: [0.05, 0.1, 0.1]"}


async def patient(house: House, attackers: Attackers, manifest: str = "lamps.yaml", **more: str) -> str:
    """An adapter of the house whose manifest has a quick backoff; its name."""
    method = ON if manifest == "lamps.yaml" else RING
    return await attackers.install(house, method, manifest, **QUICK, **more)


RING = """
async def plan(self, intent, host):
    return Plan([Change("ring", {"tone": intent["tone"]}, before=None, after=intent["tone"])])
"""


def effects(house: House, action: str) -> list[EffectIntended | EffectObserved]:
    found: list[EffectIntended | EffectObserved] = []
    for _, kind, body in house.log.entries(action):
        if kind is Kind.EFFECT_INTENDED:
            found.append(EffectIntended.model_validate(body))
        elif kind is Kind.EFFECT_OBSERVED:
            found.append(EffectObserved.model_validate(body))
    return found


async def test_each_attempt_is_on_record_with_where_it_stands(world: World, attackers: Attackers) -> None:
    world.peer.refuses_first = [503, 0]
    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        rows = effects(house, report.action)
        audit = await house.log.audit()
    assert report.outcome is Outcome.CONVERGED and report.error is None
    assert world.peer.writes == ["POST /lamps/hall"] * 3
    assert [(type(row).__name__, row.attempt) for row in rows] == [
        (word, attempt) for attempt in (1, 2, 3) for word in ("EffectIntended", "EffectObserved")
    ]
    assert [row.result for row in rows if isinstance(row, EffectObserved)] == ["failed", "unknown", "answered"]
    retries = [row.retry for row in rows]
    assert retries[0] is None
    stood = [(r.attempt, r.limit, bool(r.next_at), r.cause) for r in retries[1:] if r is not None]
    assert stood == [
        (1, 4, True, "IF_ERR_TARGET_STATUS"),
        (2, 4, False, "IF_ERR_TARGET_STATUS"),
        (2, 4, True, "IF_ERR_TARGET_LOST"),
        (3, 4, False, "IF_ERR_TARGET_LOST"),
        (3, 4, False, ""),
    ]
    assert report.retries["change-1"].attempt == 3
    assert audit.problem == ""


async def test_a_peer_that_stays_unwell_is_given_up(world: World, attackers: Attackers) -> None:
    world.peer.refuses = 503
    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        again = await house.kernel.replay(report.action)
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is Code.TARGET_STATUS
    assert len(world.peer.writes) == 4
    assert report.retries["change-1"] == report.retries["change-1"].model_copy(
        update={"attempt": 4, "limit": 4, "next_at": ""}
    )
    assert again.action == report.action


async def test_a_no_is_a_no(world: World, attackers: Attackers) -> None:
    world.peer.refuses = 409
    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.outcome is Outcome.FAILED and len(world.peer.writes) == 1 and not report.retries


async def test_what_took_the_write_without_saying_so_is_not_written_again(world: World, attackers: Attackers) -> None:
    world.peer.hang_up = True
    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.outcome is Outcome.CONVERGED
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_another_hand_that_moved_meanwhile_is_not_written_over(world: World, attackers: Attackers) -> None:
    world.peer.refuses_first = [503]

    def moves(action: str, station: Station) -> None:
        if station is Station.OBSERVED:
            world.peer.lamps["hall"] = True

    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}), moves)
    assert len(world.peer.writes) == 1
    assert report.outcome is Outcome.CONVERGED, "what was asked for is so"


async def test_retry_after_is_honoured(world: World, attackers: Attackers) -> None:
    world.peer.refuses_first, world.peer.retry_after = [429], "1"
    async with world.opened() as house:
        name = await patient(house, attackers)
        began = asyncio.get_running_loop().time()
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.outcome is Outcome.CONVERGED and len(world.peer.writes) == 2
    assert asyncio.get_running_loop().time() - began >= 1


async def test_a_retry_after_that_is_too_long_is_told_instead(world: World, attackers: Attackers) -> None:
    world.peer.refuses_first, world.peer.retry_after = [503], "3600"
    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.outcome is Outcome.FAILED and len(world.peer.writes) == 1
    assert report.error is not None and report.error.retry_after == 3600


async def test_every_attempt_at_an_event_carries_the_same_key(world: World, attackers: Attackers) -> None:
    world.peer.refuses_first = [503, 0, 502]
    async with world.opened() as house:
        name = await patient(house, attackers, "chime.yaml")
        report = await house.kernel.act(world.ask(name, {"tone": "low"}))
        keys = {row.provider_key for row in effects(house, report.action) if isinstance(row, EffectIntended)}
    assert report.outcome is Outcome.DONE
    assert len(world.peer.writes) == 4 and len(world.peer.rings) == 1
    assert keys == set(world.peer.keys)


async def test_an_event_of_which_an_attempt_is_unknown_stays_in_doubt(world: World, attackers: Attackers) -> None:
    world.peer.refuses_first = [0, 400]
    async with world.opened() as house:
        name = await patient(house, attackers, "chime.yaml")
        report = await house.kernel.act(world.ask(name, {"tone": "low"}))
        history = History.of(report.action, house.log.entries(report.action))
    assert report.outcome is Outcome.IN_DOUBT
    assert history.uncertain == ["change-1"]


@pytest.mark.parametrize("withdrawn", ["grant", "cancel"])
async def test_what_is_withdrawn_during_the_pause_is_not_sent_again(
    world: World, attackers: Attackers, withdrawn: str
) -> None:
    world.peer.refuses = 503
    async with world.opened() as house:
        name = await attackers.install(house, ON, **{"backoff: []": "backoff: [5, 5]"})
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        began = asyncio.get_running_loop().time()
        if withdrawn == "cancel":
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            action = house.log.facts.scan("action")[-1][0]
            while house.log.facts.get("open", action) is not None:
                await asyncio.sleep(0.02)
            history = History.of(action, house.log.entries(action))
            assert history.closed is not None and history.closed.code == Code.INTERRUPTED.value
            assert asyncio.get_running_loop().time() - began < 4, "the pause ends at once"
        else:
            await world.grant(house, name, "revoked")
            report = await running
            assert report.error is not None and report.error.code is Code.AUTHORITY_CHANGED
    assert len(world.peer.writes) == 1


async def test_settings_can_turn_it_off(world: World, attackers: Attackers) -> None:
    world.home.settings_file.write_text("[governor]\nretry_s = 0\n")
    world.peer.refuses = 503
    async with world.opened() as house:
        name = await patient(house, attackers)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert len(world.peer.writes) == 1 and not report.retries


async def test_an_undo_is_sent_again_too(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, ON.replace("self.on(lamp)", UNDOABLE), **QUICK)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        assert report.outcome is Outcome.CONVERGED, report.error
        world.peer.refuses_first = [503]
        undone = await house.kernel.undo(report.action, "if://person/operator", "take it back")
    assert undone.outcome is Outcome.UNDONE and world.peer.lamps["hall"] is False
    assert undone.retries["change-1"].attempt == 2


UNDOABLE = 'self.on(lamp, inverse=Call("switch", {"lamp": lamp, "on": False}))'
