"""An action that waits for people: from the question to the end, by the road."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People, asked, by_source, kinds

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.words.entries import ApprovalGiven
from infrafabric.kernel.words.plan import Outcome, Verdict
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report


async def test_one_person_agrees_and_it_is_done(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        told = kinds(house, waits.action)
        replayed = await house.kernel.replay(waits.action)
        assert house.log.facts.get("pending", waits.action) is None
    assert report.outcome is Outcome.CONVERGED and report.action == waits.action
    assert world.peer.writes == ["POST /lamps/hall"] and world.peer.lamps["hall"]
    assert told == [
        "action.received", "action.planned", "action.decided", "approval.given", "action.decided", "effect.intended",
        "effect.observed", "action.closed",
    ]  # fmt: skip
    assert replayed.context_digest == waits.context_digest == report.context_digest
    assert report.decision is not None and report.decision.verdict is Verdict.SHARE
    assert "approvals/given" in report.decision.rules and ann in report.decision.reason


async def test_the_owner_of_an_agent_agrees(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        people.keys[OPERATOR] = house.keystore.load("person-operator")
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, OPERATOR))
    assert report.outcome is Outcome.CONVERGED


async def test_two_people_of_a_role_must_agree(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, Needs(people=2, roles=("director",)))
        ann = await people.add(house, "Ann", roles=("director",))
        ben = await people.add(house, "Ben", roles=("director",))
        guest = await people.add(house, "Guest")
        with pytest.raises(FabricError, match="none of the roles director"):
            await house.kernel.approve(waits.action, people.agrees(house, waits, guest))
        first = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        assert first.outcome is Outcome.WAITING and first.error is not None
        assert "1 more person of the role director must agree" in first.error.message
        assert world.peer.writes == []
        second = await house.kernel.approve(waits.action, people.agrees(house, waits, ben))
    assert second.outcome is Outcome.CONVERGED and len(world.peer.writes) == 1


async def test_a_person_refuses(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        report = await house.kernel.refuse(waits.action, people.objects(house, waits, ann))
        with pytest.raises(FabricError) as late:
            await house.kernel.approve(waits.action, agrees_late(people, house, waits, ann))
        assert kinds(house, waits.action)[-2:] == ["approval.refused", "action.refused"]
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.APPROVAL_REFUSED and "it is wrong" in report.error.message
    assert late.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


def agrees_late(people: People, house: House, waits: Report, who: str) -> ApprovalGiven:
    assert waits.pending is not None and waits.decision is not None
    return ApprovalGiven(
        approver=who,
        verdict=waits.decision.verdict,
        context_digest=waits.context_digest,
        nonce=waits.pending.nonce,
        expires=waits.pending.expires,
        key=str(people.keys[who].public),
    )


@pytest.mark.parametrize(
    ("needs", "verdict", "said"),
    [
        (Needs(), Verdict.ESCALATE, "1 person must agree"),
        (Needs(people=2), Verdict.ESCALATE, "2 people must agree"),
        (Needs(people=2, roles=("director",)), Verdict.HOLD, "2 people of the role director must agree"),
        (Needs(source=True), Verdict.HOLD, "1 person must agree, or a second source"),
        (Needs(source=True), Verdict.ESCALATE, "1 person must agree"),
    ],
)
async def test_who_asks_is_told_how_many_must_agree(world: World, needs: Needs, verdict: Verdict, said: str) -> None:
    async with world.opened() as house:
        report = await People().waiting(world, house, needs, verdict)
        recorded = History.of(report.action, house.log.entries(report.action)).report(None)
    assert report.error is not None and recorded.error is not None
    assert report.error.message == f"{verdict.value}: the test asks people; {said}"
    assert recorded.error.message.startswith(f"{report.error.message}, until ")


async def test_a_second_source_answers_a_hold(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, Needs(source=True), Verdict.HOLD)
        other = await people.asker(house, owner=await people.add(house, "Ben"), name="Other")
        look = await house.kernel.act(world.ask(*HALL, "plan", talent=other))
        assert look.changes_digest == waits.changes_digest and look.outcome is Outcome.PLANNED
        report = await house.kernel.approve(waits.action, by_source(house, waits, other, look.action))
    assert report.outcome is Outcome.CONVERGED and len(world.peer.writes) == 1


async def test_the_state_moved_while_people_thought(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        world.peer.lamps["hall"] = True
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        with pytest.raises(FabricError):
            asked(house, waits.action)
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.PLAN_STALE
    assert world.peer.writes == []


async def test_a_withdrawn_grant_ends_it(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        grant = next(value for _, value in house.authority.scan("grant", f"{ASKER} "))
        from infrafabric.kernel.words.things import Grant

        await house.record(house.operator("0" * 31 + "1").grant(Grant.model_validate(grant), "test", "revoked"))
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.NOT_GRANTED
    assert world.peer.writes == []


async def test_an_approval_is_used_up_where_the_apply_fails(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        given = people.agrees(house, waits, ann)
        world.peer.refuses = 403
        report = await house.kernel.approve(waits.action, given)
        assert report.outcome is Outcome.FAILED
        world.peer.refuses = 0
        with pytest.raises(FabricError) as again:
            await house.kernel.approve(waits.action, given)
    assert again.value.code is Code.APPROVAL_INVALID
    assert not world.peer.lamps["hall"]


async def test_an_undo_waits_too(world: World) -> None:
    people = People()
    async with world.opened() as house:
        done = await house.kernel.act(world.lamps(hall=True))
        people.ask_about_everything(house)
        waits = await house.kernel.undo(done.action, OPERATOR, "test")
        assert waits.outcome is Outcome.WAITING and world.peer.lamps["hall"]
        with pytest.raises(FabricError) as twice:
            await house.kernel.undo(done.action, OPERATOR, "test")
        assert twice.value.code is Code.UNDO_IMPOSSIBLE
        ann = await people.add(house, "Ann")
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.UNDONE and not world.peer.lamps["hall"]


async def test_an_idempotency_key_answers_with_what_waits_and_then_with_the_end(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        ask = world.ask(*HALL, talent=ASKER, idempotency_key="k")
        waits = await house.kernel.act(ask)
        again = await house.kernel.act(replace(ask))
        assert (again.action, again.outcome, again.pending) == (waits.action, Outcome.WAITING, waits.pending)
        done = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        after = await house.kernel.act(replace(ask))
    assert (after.action, after.outcome) == (done.action, Outcome.CONVERGED)
    assert len(world.peer.writes) == 1


async def test_two_people_answer_at_once(world: World) -> None:
    """Of two answers that would each complete the question one does; the other comes too late."""
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        given = [people.agrees(house, waits, await people.add(house, name)) for name in ("Ann", "Ben")]
        answers = [house.kernel.approve(waits.action, one) for one in given]
        reports = await asyncio.gather(*answers, return_exceptions=True)
    outcomes = [one.outcome for one in reports if not isinstance(one, BaseException)]
    refused = [one.code for one in reports if isinstance(one, FabricError)]
    assert outcomes == [Outcome.CONVERGED] and refused == [Code.APPROVAL_INVALID]
    assert len(world.peer.writes) == 1


async def test_questions_survive_a_restart(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
    async with world.opened() as house:
        people.ask_about_everything(house)
        assert asked(house, waits.action).pending == waits.pending
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.CONVERGED
