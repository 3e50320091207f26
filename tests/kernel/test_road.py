"""The road, with every part real: signed adapters in the sandbox, the http driver, the log, a house on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness.store import Query
from infrafabric.witness.verify import verify_receipt

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

FULL_LENGTH = [
    Kind.ACTION_RECEIVED,
    Kind.ACTION_PLANNED,
    Kind.ACTION_DECIDED,
    Kind.EFFECT_INTENDED,
    Kind.EFFECT_OBSERVED,
    Kind.ACTION_CLOSED,
]


def kinds(house: House, action: str) -> list[Kind]:
    return [kind for _, kind, _ in house.log.entries(action)]


async def ended(house: House) -> None:
    """Return when the last action has its ending: a cancelled caller does not wait for it. Facts may show a commit a
    moment before it is acknowledged and can be read, so the entries are looked at."""
    while kinds(house, house.log.facts.scan("action")[-1][0])[-1] not in (Kind.ACTION_CLOSED, Kind.ACTION_REFUSED):
        await asyncio.sleep(0.01)


async def test_a_state_is_brought_about_seen_and_proven(world: World) -> None:
    passed: list[str] = []
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True), lambda action, station: passed.append(station))
        assert report.outcome is Outcome.CONVERGED and report.error is None
        assert world.peer.lamps["hall"] is True and world.peer.writes == ["POST /lamps/hall"]
        assert kinds(house, report.action) == FULL_LENGTH
        assert passed == [station for station in Station if station is not Station.REFUSED]
        assert report.receipt is not None
        verified = verify_receipt(report.receipt, [house.log.vkey])
        assert verified.action == report.action
        shown = json.loads(report.receipt)
        assert shown["development"] is True and len(shown["entries"]) == len(FULL_LENGTH)


async def test_what_is_so_already_is_left_alone(world: World) -> None:
    world.peer.lamps["hall"] = True
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.CONVERGED and world.peer.writes == []
    assert report.plan is not None and report.plan.changes == ()


async def test_a_dry_run_and_a_plan_write_nothing(world: World) -> None:
    async with world.opened() as house:
        dry = await house.kernel.act(world.lamps("dry_run", hall=True))
        planned = await house.kernel.act(world.lamps("plan", hall=True))
        assert (dry.outcome, planned.outcome) == (Outcome.DRY_RUN, Outcome.PLANNED)
        assert dry.plan == planned.plan and dry.changes_digest == planned.changes_digest
        assert world.peer.writes == [] and world.peer.lamps["hall"] is False
        for report in (dry, planned):
            assert Kind.EFFECT_INTENDED not in kinds(house, report.action)
    assert dry.requests[0].startswith("POST http://127.0.0.1:") and dry.requests[0].count("/lamps/hall") == 1


async def test_an_event_is_done_once_each_time_it_is_asked_for(world: World) -> None:
    async with world.opened() as house:
        reports = [await house.kernel.act(world.ask("house.bell", {"tone": "low"})) for _ in range(2)]
    assert [report.outcome for report in reports] == [Outcome.DONE, Outcome.DONE]
    assert len(world.peer.rings) == 2, "nothing is deduplicated without a key"


async def test_several_changes_are_made_in_order(world: World) -> None:
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(porch=True, hall=True, attic=True))
    assert report.outcome is Outcome.CONVERGED
    assert world.peer.writes == ["POST /lamps/attic", "POST /lamps/hall", "POST /lamps/porch"], "as the log has them"


# --- what does not go well


async def test_a_house_that_says_yes_and_does_nothing_is_not_converged(world: World) -> None:
    world.peer.deaf = True
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.FAILED
    assert report.error is not None and report.error.code is Code.NOT_CONVERGED
    assert report.remains is not None and [change.effect for change in report.remains.changes] == ["switch"]


async def test_a_house_that_refuses_ends_the_apply_at_once(world: World) -> None:
    world.peer.refuses = 503
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True, porch=True))
    assert report.outcome is Outcome.FAILED
    assert report.error is not None and report.error.code is Code.TARGET_STATUS
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_state_whose_answer_is_lost_is_looked_at(world: World) -> None:
    world.peer.hang_up = True
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.CONVERGED and world.peer.writes == ["POST /lamps/hall"]


async def test_an_event_whose_answer_is_lost_is_in_doubt_until_a_person_says(world: World) -> None:
    world.peer.hang_up = True
    async with world.opened() as house:
        report = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        assert report.outcome is Outcome.IN_DOUBT
        assert report.error is not None and report.error.code is Code.IN_DOUBT
        assert house.log.facts.get("open", report.action) is not None
        await house.kernel.close(report.action, Outcome.DONE, "if://person/operator", "heard it")
        assert house.log.facts.get("open", report.action) is None
        with pytest.raises(FabricError):
            await house.kernel.close(report.action, Outcome.FAILED, "if://person/operator", "or not")
    assert len(world.peer.rings) == 1


async def test_a_cancelled_caller_does_not_cut_a_write_in_half(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        task = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        task.cancel()
        await asyncio.sleep(0.05)
        world.peer.late.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended(house)
        action = house.log.facts.scan("action")[-1][0]
        assert kinds(house, action)[-3:] == [Kind.EFFECT_INTENDED, Kind.EFFECT_OBSERVED, Kind.ACTION_CLOSED]
        state = house.log.facts.get("state", action)
    assert state is not None and state["code"] == Code.INTERRUPTED.value
    assert world.peer.writes == ["POST /lamps/hall"], "the second write was not begun"


async def test_an_unreachable_house_is_refused_and_recorded(world: World) -> None:
    async with world.opened() as house:
        await world.move(house, 9)
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.outcome is Outcome.REFUSED
        assert report.error is not None and report.error.code is Code.TARGET_UNREACHABLE
        assert kinds(house, report.action) == [Kind.ACTION_RECEIVED, Kind.ACTION_REFUSED]


# --- who may


async def test_only_what_was_granted_may_even_be_planned(world: World) -> None:
    async with world.opened() as house:
        await world.grant(house, "house.lamps", "revoked")
        report = await house.kernel.act(world.lamps("plan", hall=True))
        assert report.error is not None and report.error.code is Code.NOT_GRANTED
        assert world.peer.reads == [], "reads disclose"
        assert kinds(house, report.action) == [Kind.ACTION_RECEIVED, Kind.ACTION_REFUSED]


async def test_a_grant_that_is_withdrawn_stops_before_the_next_write(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        task = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        await world.grant(house, "house.lamps", "revoked")
        world.peer.late.set()
        report = await task
    assert report.error is not None and report.error.code is Code.AUTHORITY_CHANGED
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_an_unknown_talent_is_counted_and_not_logged(world: World) -> None:
    async with world.opened() as house:
        size = house.log.size
        with pytest.raises(FabricError) as refusal:
            await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent="if://agent/Nobody"))
        assert refusal.value.code is Code.TALENT_UNKNOWN
        assert house.log.size == size
    async with world.opened("reading") as house:
        flushed = house.reading.find(Query(kind=Kind.COUNTER_FLUSHED))
        assert flushed[0].body is not None
        assert flushed[0].body["counts"] == {"IF_ERR_TALENT_UNKNOWN if://agent/Nobody": 1}


@pytest.mark.parametrize(
    ("intent", "code"),
    [
        ({"lamps": {"hall": True}, "also": 1}, Code.INTENT_INVALID),
        ({"lamps": {"hall": "on"}}, Code.INTENT_INVALID),
        ({}, Code.INTENT_INVALID),
        ({"lamps": {"x" * 70_000: True}}, Code.TOO_LARGE),
        ({"lamps": {"cellar": True}}, Code.ADAPTER_REFUSED),
    ],
)
async def test_an_intent_that_does_not_fit_is_refused(world: World, intent: dict[str, object], code: Code) -> None:
    async with world.opened() as house:
        report = await house.kernel.act(world.ask("house.lamps", intent))
    assert report.outcome is Outcome.REFUSED
    assert report.error is not None and report.error.code is code
    assert world.peer.writes == []


# --- the same again


async def test_the_same_key_and_intent_answers_with_the_same_action(world: World) -> None:
    ask = world.ask("house.bell", {"tone": "low"}, idempotency_key="k1")
    async with world.opened() as house:
        both = await asyncio.gather(house.kernel.act(ask), house.kernel.act(ask))
        again = await house.kernel.act(ask)
        assert {report.action for report in (*both, again)} == {again.action}
    async with world.opened() as house:
        later = await house.kernel.act(ask)
    assert (later.action, later.outcome) == (again.action, Outcome.DONE)
    assert len(world.peer.rings) == 1


async def test_the_same_key_with_another_intent_is_refused(world: World) -> None:
    async with world.opened() as house:
        await house.kernel.act(world.ask("house.bell", {"tone": "low"}, idempotency_key="k1"))
        with pytest.raises(FabricError) as refusal:
            await house.kernel.act(world.ask("house.bell", {"tone": "high"}, idempotency_key="k1"))
    assert refusal.value.code is Code.IDEMPOTENCY_CONFLICT
    assert len(world.peer.rings) == 1


async def test_a_plan_that_was_looked_at_is_the_only_one_applied(world: World) -> None:
    async with world.opened() as house:
        planned = await house.kernel.act(world.lamps("plan", hall=True, porch=True))
        world.peer.lamps["porch"] = True
        stale = await house.kernel.act(
            world.ask("house.lamps", {"lamps": {"hall": True, "porch": True}}, expect=planned.changes_digest)
        )
        assert stale.error is not None and stale.error.code is Code.PLAN_STALE
        assert world.peer.writes == []
        world.peer.lamps["porch"] = False
        applied = await house.kernel.act(
            world.ask("house.lamps", {"lamps": {"hall": True, "porch": True}}, expect=planned.changes_digest)
        )
    assert applied.outcome is Outcome.CONVERGED


# --- taking back, repeating


async def test_undo_takes_back_what_was_observed_in_reverse(world: World) -> None:
    world.peer.lamps["attic"] = True
    async with world.opened() as house:
        done = await house.kernel.act(world.lamps(hall=True, attic=False))
        world.peer.writes.clear()
        undone = await house.kernel.undo(done.action, "if://person/operator", "not yet")
        assert undone.outcome is Outcome.UNDONE
        assert world.peer.writes == ["POST /lamps/hall", "POST /lamps/attic"]
        assert world.peer.lamps == {"hall": False, "porch": False, "attic": True}
        with pytest.raises(FabricError) as refusal:
            await house.kernel.undo(done.action, "if://person/operator", "again")
        assert refusal.value.code is Code.UNDO_IMPOSSIBLE


async def test_undo_does_not_overwrite_another_hand(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.lamps(hall=True))
        world.peer.lamps["hall"] = False
        world.peer.writes.clear()
        report = await house.kernel.undo(done.action, "if://person/operator", "not yet")
    assert report.error is not None and report.error.code is Code.UNDO_MOVED
    assert world.peer.writes == []


async def test_undo_of_an_event_uses_what_it_made(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        undone = await house.kernel.undo(done.action, "if://person/operator", "wrong tone")
    assert undone.outcome is Outcome.UNDONE
    assert world.peer.rings == {} and world.peer.writes == ["POST /bell", "DELETE /rings/ring_1"]


async def test_every_run_replays(world: World) -> None:
    async with world.opened() as house:
        lamps = await house.kernel.act(world.lamps(hall=True))
        bell = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        undone = await house.kernel.undo(lamps.action, "if://person/operator", "not yet")
        before = len(world.peer.reads)
        replays = [await house.kernel.replay(report.action) for report in (lamps, bell, undone)]
    assert [replayed.runs for replayed in replays] == [("plan", "verify"), ("plan",), ("plan", "verify")]
    assert [replayed.requests for replayed in replays] == [2, 0, 2]
    assert replays[0].context_digest == lamps.context_digest
    assert len(world.peer.reads) == before, "a replay asks nobody"


async def test_everything_is_found_again_under_its_trace(world: World) -> None:
    trace = new_trace_id()
    async with world.opened() as house:
        report = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, trace=trace))
    async with world.opened("reading") as house:
        rows = house.reading.find(Query(trace=trace))
    assert {row.action for row in rows if row.action} == {report.action}
    assert len([row for row in rows if row.action]) == len(FULL_LENGTH)
