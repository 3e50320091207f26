"""kill -9 at every station of the road: nothing acknowledged is lost, and no write happens twice.

The stations come from the road itself. What is asserted is what the *house* saw, not what the kernel says of it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

PASSED = [station for station in Station if station is not Station.REFUSED]
BEFORE_ANY_WRITE = [Station.RECEIVED, Station.RESOLVED, Station.PLANNED, Station.DECIDED]
pytestmark = pytest.mark.timeout(120)


async def killed_at(
    world: World, capability: str, intent: dict[str, Any], station: Station, nth: int = 1, undoes: str = ""
) -> None:
    """Run a kernel of its own that dies at `station`."""
    purpose = "undo" if undoes else "apply"
    arguments = world.command(capability, json.dumps(intent), purpose, station.value, str(nth), undoes)
    process = await asyncio.create_subprocess_exec(*arguments, stdout=-1, stderr=-1)
    output, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, (output, errors)


async def what_became(world: World) -> tuple[History, Outcome | None]:
    """Start a kernel again; the fold of the one action that was under way, and what recovery made of it."""
    async with world.opened() as house:
        facts = house.log.facts
        rows = [row for row in facts.scan("action") if row[1]["purpose"] in ("apply", "undo")]
        action = rows[-1][0]
        history = History.of(action, house.log.entries(action))
        still_open = facts.get("open", action) is not None
        ended = history.closed.outcome if history.closed else None
        assert still_open == (ended is None)
        audit = await house.log.audit()
        assert audit.problem == ""
    return history, ended


@pytest.mark.parametrize("station", PASSED)
async def test_a_state_is_observed_and_never_written_twice(world: World, station: Station) -> None:
    await killed_at(world, "house.lamps", {"lamps": {"hall": True}}, station)
    sent = [write for write in world.peer.writes if write == "POST /lamps/hall"]
    history, ended = await what_became(world)
    assert [write for write in world.peer.writes if write == "POST /lamps/hall"] == sent, "recovery wrote"
    if station in BEFORE_ANY_WRITE or station is Station.INTENDED:
        assert sent == [] and world.peer.lamps["hall"] is False
        assert ended is Outcome.FAILED
    else:
        assert len(sent) == 1 and world.peer.lamps["hall"] is True
        assert ended is Outcome.CONVERGED
    assert not history.doubtful


@pytest.mark.parametrize("station", [Station.INTENDED, Station.SENT, Station.OBSERVED])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_between_the_writes_of_one_action(world: World, station: Station, nth: int) -> None:
    await killed_at(world, "house.lamps", {"lamps": {"hall": True, "porch": True, "attic": True}}, station, nth)
    sent = len(world.peer.writes)
    assert sent == (nth - 1 if station is Station.INTENDED else nth)
    history, ended = await what_became(world)
    assert len(world.peer.writes) == sent
    assert ended is (Outcome.CONVERGED if sent == 3 else Outcome.FAILED)
    assert history.closed is not None
    left = history.closed.remains
    assert (len(left.changes) if left else 0) == 3 - sent


@pytest.mark.parametrize("station", PASSED)
async def test_an_event_happens_at_most_once(world: World, station: Station) -> None:
    await killed_at(world, "house.bell", {"tone": "low"}, station)
    rung = len(world.peer.rings)
    assert rung == (0 if station in BEFORE_ANY_WRITE or station is Station.INTENDED else 1)
    history, ended = await what_became(world)
    assert len(world.peer.rings) == rung, "recovery rang again"
    if station in BEFORE_ANY_WRITE:
        assert ended is Outcome.FAILED
    elif station in (Station.INTENDED, Station.SENT):
        assert ended is None, "nobody can know, so nobody may say"
        assert history.doubtful == ["change-1"]
    else:
        assert ended is Outcome.DONE


@pytest.mark.parametrize("station", PASSED)
async def test_an_event_under_a_provider_key_happens_exactly_once(world: World, station: Station) -> None:
    await killed_at(world, "house.chime", {"tone": "low"}, station)
    _, ended = await what_became(world)
    assert len(world.peer.rings) == (0 if station in BEFORE_ANY_WRITE else 1)
    assert ended is (Outcome.FAILED if station in BEFORE_ANY_WRITE else Outcome.DONE)
    assert len(world.peer.keys) == len(world.peer.rings), "every attempt carried the same key"


async def test_an_event_past_the_providers_window_is_looked_up_and_not_sent_again(world: World) -> None:
    await killed_at(world, "house.gong", {"tone": "low"}, Station.SENT)
    await asyncio.sleep(1.2)
    _, ended = await what_became(world)
    assert ended is Outcome.DONE and len(world.peer.writes) == 1
    assert "/rings" in world.peer.reads


async def test_an_event_that_the_lookup_does_not_find_stays_in_doubt(world: World) -> None:
    await killed_at(world, "house.gong", {"tone": "low"}, Station.INTENDED)
    await asyncio.sleep(1.2)
    _, ended = await what_became(world)
    assert ended is None and world.peer.writes == []


@pytest.mark.parametrize("station", PASSED)
async def test_an_undo_is_finished_or_seen_unfinished(world: World, station: Station) -> None:
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.outcome is Outcome.CONVERGED
    await killed_at(world, "house.lamps", {}, station, undoes=report.action)
    _, ended = await what_became(world)
    undone = station not in (*BEFORE_ANY_WRITE, Station.INTENDED)
    assert world.peer.lamps["hall"] is not undone
    assert ended is (Outcome.UNDONE if undone else Outcome.FAILED)
    assert len(world.peer.writes) == (2 if undone else 1)


async def test_a_second_death_during_recovery_changes_nothing(world: World) -> None:
    await killed_at(world, "house.bell", {"tone": "low"}, Station.SENT)
    for _ in range(2):
        history, ended = await what_became(world)
        assert ended is None and len(world.peer.rings) == 1
    observed = list(history.observed.values())
    assert observed == [], "nothing is said of what nobody saw"


async def told(world: World) -> str:
    """What a kernel that starts again says of the one action that a former kernel left open."""
    async with world.opened() as house:
        said = [warning for warning in house.warnings if warning.startswith("a former kernel left ")]
    assert len(said) == 1
    return said[0]


async def test_recovery_says_that_an_event_can_neither_be_found_nor_sent_again(world: World) -> None:
    await killed_at(world, "house.bell", {"tone": "low"}, Station.SENT)
    said = await told(world)
    assert "still in doubt: IF_ERR_IN_DOUBT: change-1 of " in said
    assert "has no lookup, and it was sent under no provider key" in said
    assert "`ifctl capability close` ends it" in said


async def test_recovery_says_that_the_lookup_failed_and_the_window_is_over(world: World) -> None:
    await killed_at(world, "house.gong", {"tone": "low"}, Station.INTENDED)
    await asyncio.sleep(1.2)
    said = await told(world)
    assert "does not find it, and the 1 s are over in which its provider key is honoured" in said


async def test_recovery_says_that_the_target_has_moved(world: World) -> None:
    await killed_at(world, "house.lamps", {"lamps": {"hall": True}}, Station.SENT)
    async with world.opened("operating") as house:
        await world.move(house, 1)
    assert "still in doubt: IF_ERR_ADDRESS_CHANGED: house@home is not where " in await told(world)


async def test_recovery_says_that_the_grant_is_gone(world: World) -> None:
    await killed_at(world, "house.lamps", {"lamps": {"hall": True}}, Station.SENT)
    async with world.opened("operating") as house:
        await world.grant(house, "house.lamps", "revoked")
    assert "still in doubt: IF_ERR_NOT_GRANTED: " in await told(world)
