"""Answer: people agree to a plan that waits, or refuse it. The answer that completes the question takes the action up.

An answer is on record before anything comes of it. Between the last `approval.given` and the end that follows, a kernel
that dies leaves a question that was answered in full: at the next start it is refused, not applied (`settle_answered`).
Nobody stands by then who said that it should happen *now*; who still wants it asks again.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

from infrafabric.kernel.admission import authorize, check_intent, set_out
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.clock import moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.case import refutation
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Halt, Journey, Parts
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.questions import common_of, end_waiting, expire_one
from infrafabric.kernel.road import Load, take_up
from infrafabric.kernel.stations import OnStation
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

__all__ = ["agree", "resume", "settle_answered", "turn_down"]

_LOG = frozenset({Code.LOG_STOPPED, Code.LOG_CLOCK, Code.DISK_FULL})


async def agree(
    parts: Parts, action: str, given: e.ApprovalGiven, load: Load, halt: Halt, watcher: OnStation | None = None
) -> Report:
    """Record that `given` agrees to `action`, and go on with it where nobody else has to.

    Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_APPROVAL_INVALID where it does not count or nothing waits: nothing is recorded
    then. A question whose time is over ends instead, and the report says so.
    """
    _check_tenant(parts, action, given.approver)
    async with parts.questions.answering(action):
        history = History.of(action, parts.log.entries(action))
        asked = history.asked
        if parts.approvals.overdue(asked.pending.expires):
            return await _expired(parts, history)
        given = given.model_copy(update={**common_of(history), "why": parts.redactor.redact(given.why)})
        # A source is one once: between looking whether it was named and naming it, nobody else may name it.
        async with parts.questions.lock if given.source else nullcontext():
            try:
                parts.approvals.check(asked, given, parts.approvals.counting(asked, history.approvals))
            except FabricError as error:
                parts.count(error.code, given.approver)
                raise
            await parts.log.append(Entry(Kind.APPROVAL_GIVEN, given, action, given.approver))
        history.approvals.append(given)
        if missing := parts.approvals.missing(asked, history.approvals):
            waits = FabricError(Code.APPROVAL_REQUIRED, f"{action} still waits: {missing}")
            return replace(history.report(None), error=waits)
        return await _go_on(parts, history, load, halt, watcher)


async def turn_down(parts: Parts, action: str, refused: e.ApprovalRefused) -> Report:
    """Record that a person refuses `action`, and end it.

    Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_APPROVAL_INVALID where the refusal does not count or nothing waits.
    """
    _check_tenant(parts, action, refused.approver)
    async with parts.questions.answering(action):
        history = History.of(action, parts.log.entries(action))
        asked = history.asked
        if parts.approvals.overdue(asked.pending.expires):
            return await _expired(parts, history)
        refused = refused.model_copy(update={**common_of(history), "why": parts.redactor.redact(refused.why)})
        try:
            parts.approvals.check_refusal(asked, refused)
        except FabricError as error:
            parts.count(error.code, refused.approver)
            raise
        no = FabricError(Code.APPROVAL_REFUSED, f"{refused.approver} refused {action}: {refused.why}")
        entry = Entry(Kind.APPROVAL_REFUSED, refused, action, refused.approver)
        await end_waiting(parts, history, no, entry, actor=refused.approver)
        return await _as_recorded(parts, action)


async def settle_answered(parts: Parts) -> dict[str, Outcome]:
    """At start: refuse the actions whose question a former kernel saw answered in full and did not act on, and those
    whose plan it saw refuted."""
    ended: dict[str, Outcome] = {}
    async with parts.questions.lock:
        for action, _ in parts.log.facts.scan("pending"):
            history = History.of(action, parts.log.entries(action))
            tried = history.falsified.attempts if history.falsified is not None else ()
            if (refuted := refutation(tried)) is not None:
                await end_waiting(parts, history, refuted)
                ended[action] = Outcome.REFUSED
            elif history.approvals and not parts.approvals.missing(history.asked, history.approvals):
                message = "the kernel stopped after people agreed and before it went on; their approvals are used up"
                await end_waiting(parts, history, FabricError(Code.INTERRUPTED, message))
                ended[action] = Outcome.REFUSED
    return ended


async def resume(
    parts: Parts, history: History, *, halt: Halt | None = None, watcher: OnStation | None = None
) -> Journey:
    """The journey of a recorded action, under today's authority.

    Raises where the talent may not ask for it any more, or capability, target or secrets are gone.
    """
    received, planned = history.received, history.planned
    if received is None or planned is None:
        raise FabricError(Code.BODY_ERASED, f"the log no longer says what {history.action} was to do")
    ask = Ask(
        capability=received.capability,
        talent=received.talent,
        intent=received.intent,
        why=received.why,
        purpose=received.purpose,
        target=received.target,
        idempotency_key=received.idempotency_key,
        trace=received.trace,
        # The caller's own are not told apart in the record; what held then holds still.
        hazards=planned.hazards,
        undoes=received.undoes,
        claim=received.claim,
        evidence=received.evidence,
        falsify=received.falsify,
        unattended=received.unattended,
    )
    journey = set_out(parts, ask, history.action, parts.authority.talent(received.talent), watcher)
    journey.halt = halt or Halt()
    if received.deadline and history.waiting:  # what was written already is looked at without haste
        journey.deadline = received.deadline
        journey.due = parts.monotonic() + (moment(received.deadline) - parts.now()).total_seconds()
    authorize(journey)
    await check_intent(journey)
    return journey


async def _go_on(parts: Parts, history: History, load: Load, halt: Halt, watcher: OnStation | None) -> Report:
    """Take the action up. Whatever keeps it from going on ends it: the approvals are used up."""
    try:
        journey = await resume(parts, history, halt=halt, watcher=watcher)
        undoes = None
        if journey.ask.undoes:
            undoes = History.of(journey.ask.undoes, parts.log.entries(journey.ask.undoes))
    except FabricError as error:
        if error.code in _LOG:
            raise
        await end_waiting(parts, history, error)
        return await _as_recorded(parts, history.action)
    return await take_up(journey, load, history, undoes)


def _check_tenant(parts: Parts, action: str, approver: str) -> None:
    """Raise IF_ERR_ACTION_UNKNOWN where the action is of another tenant, before anything tells how it stands."""
    asked, who = parts.log.facts.get("action", action), parts.authority.get("talent", approver)
    if asked is not None and who is not None and asked["tenant"] != who["tenant"]:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action}")


async def _expired(parts: Parts, history: History) -> Report:
    await expire_one(parts, history)
    return await _as_recorded(parts, history.action)


async def _as_recorded(parts: Parts, action: str) -> Report:
    return History.of(action, parts.log.entries(action)).report(await parts.log.receipt(action))
