"""Decide: the guard's verdict on a plan, its question to people, and what the plan may spend.

A plan that has to wait for people is decided once more when enough of them agreed: it must then be the very plan that
they were asked about, under the very same rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import ceil
from typing import NamedTuple

from infrafabric.kernel.admission import denied
from infrafabric.kernel.claims import counted
from infrafabric.kernel.clock import moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.case import refutation
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey
from infrafabric.kernel.planning import Planned, cost_of, digest_context, plan, records_of, spending_of
from infrafabric.kernel.ports import Entry, Question
from infrafabric.kernel.questions import displacing
from infrafabric.kernel.undoing import plan_undo
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Pending, Spending

__all__ = ["Decided", "ask_guard", "decide", "decide_again", "still_so"]


class Decided(NamedTuple):
    decision: Decision
    context_digest: str
    """Of the plan as it was decided."""
    answer: Decision
    """The guard's own, which people may have agreed to since: what it must not exceed until the first write."""
    pending: Pending | None = None
    """The question to people, where the action has to wait."""
    warnings: tuple[str, ...] = ()


Check = Callable[[Decision], Awaitable[tuple[tuple[Entry, ...], FabricError | None]]]
"""Holds a plan against more than the guard: what to record of that, and the refusal where it did not stand."""


async def decide(journey: Journey, planned: Planned, check: Check) -> Decided:
    """Ask the guard, set aside what the plan may spend, and record plan and decision.

    Raises unless the verdict is SHARE, or people may yet agree. Where nothing is written nobody needs to. People are
    not asked about a plan that did not stand the `check`.
    """
    decision = ask_guard(journey, planned)
    digest = digest_context(journey, planned, decision)
    common = journey.common
    refusal = None if decision.verdict in _GOES_ON else denied(journey, decision)
    pending: Pending | None = None
    reserved: Spending | None = None
    warnings: tuple[str, ...] = ()
    if _writes(journey, planned) and refusal is None:
        if decision.verdict is not Verdict.SHARE:
            pending = _in_time(journey, journey.parts.approvals.ask(decision))
        else:
            try:
                reserved, warnings = _reserve(journey, planned)
            except FabricError as error:
                refusal = error
    checked: tuple[Entry, ...] = ()
    if refusal is None:
        checked, refusal = await check(decision)
        pending = pending if refusal is None else None
    await _append_asking(
        journey,
        reserved,
        pending,
        journey.entry(
            Kind.ACTION_PLANNED,
            e.ActionPlanned(
                **common,
                capability=journey.capability.manifest.id,
                adapter=journey.capability.digest,
                runtime=journey.parts.chassis.runtime_digest,
                plan=planned.plan,
                address=planned.address,
                requests=planned.requests,
                hazards=planned.hazards,
                cost=cost_of(journey, planned.plan),
                records=records_of(journey, decision),
                changes_digest=planned.changes_digest,
                context_digest=digest,
                run=planned.run,
            ),
        ),
        *checked,
        journey.entry(
            Kind.ACTION_DECIDED,
            e.ActionDecided(
                **common,
                decision=decision,
                changes_digest=planned.changes_digest,
                context_digest=digest,
                capability=journey.capability.manifest.id,
                pending=pending,
                reserved=reserved,
            ),
        ),
    )
    if refusal is not None:
        raise refusal
    return Decided(decision, digest, decision, pending, warnings)


async def decide_again(journey: Journey, planned: Planned, waited: History) -> Decided:
    """Decide on a plan that waited: it must be the very plan that was asked about, under the very same rules.

    Raises IF_ERR_PLAN_STALE, IF_ERR_FALSIFIED where it was refuted, or the refusal where the guard would not even ask
    any more.
    """
    asked = waited.asked
    if waited.falsified is not None and (refuted := refutation(waited.falsified.attempts)) is not None:
        raise refuted
    decision = ask_guard(journey, planned)
    if decision.verdict is Verdict.DENY:
        raise denied(journey, decision)
    digest = digest_context(journey, planned, decision)
    if planned.changes_digest != asked.changes_digest:
        raise FabricError(Code.PLAN_STALE, f"{journey.target.name} moved while the plan waited")
    if digest != asked.context_digest or _asks_more(decision, asked.decision):
        raise FabricError(Code.PLAN_STALE, "the rules, or what the plan rests on, changed while it waited")
    approvals = journey.parts.approvals
    if missing := approvals.missing(asked, waited.approvals):
        raise FabricError(Code.APPROVAL_INVALID, f"{journey.action}: {missing}")
    people = sorted(given.approver for given in approvals.counting(asked, waited.approvals))
    agreed = decision.model_copy(
        update={
            "verdict": Verdict.SHARE,
            "rules": (*decision.rules, "approvals/given"),
            "reason": f"{decision.reason}; agreed to by {', '.join(people)}",
            "needs": None,
        }
    )
    reserved, warnings = _reserve(journey, planned)
    body = e.ActionDecided(
        **journey.common,
        decision=agreed,
        changes_digest=planned.changes_digest,
        context_digest=digest,
        capability=journey.capability.manifest.id,
        reserved=reserved,
    )
    await _append_reserving(journey, reserved, journey.entry(Kind.ACTION_DECIDED, body))
    return Decided(agreed, digest, asked.decision, None, warnings)


def _asks_more(decision: Decision, before: Decision) -> bool:
    """Whether the guard's answer covers less than its former one, or people of another kind."""
    if decision.verdict is Verdict.SHARE:
        return False
    return _RANK.index(decision.verdict) > _RANK.index(before.verdict) or decision.needs != before.needs


_RANK = (Verdict.SHARE, Verdict.HOLD, Verdict.ESCALATE, Verdict.DENY)
_GOES_ON = frozenset({Verdict.SHARE, Verdict.HOLD, Verdict.ESCALATE})


def _in_time(journey: Journey, pending: Pending) -> Pending:
    """The question, over when the deadline of the ask passes: an answer after it would be worth nothing."""
    if journey.left_s is None or moment(pending.expires) <= moment(journey.deadline):
        return pending
    wait_s = min(pending.needs.wait_s, max(1, ceil(journey.left_s)))
    needs = pending.needs.model_copy(update={"wait_s": wait_s})
    return pending.model_copy(update={"expires": journey.deadline, "needs": needs})


def _writes(journey: Journey, planned: Planned) -> bool:
    return journey.ask.purpose in ("apply", "undo") and bool(planned.plan.changes)


def _reserve(journey: Journey, planned: Planned) -> tuple[Spending, tuple[str, ...]]:
    wanted = spending_of(len(planned.plan.changes), cost_of(journey, planned.plan))
    capability = journey.capability.manifest.id
    reserved = journey.parts.budgets.reserve(journey.talent, capability, journey.target, journey.action, wanted)
    journey.reserved = reserved.spending
    return reserved.spending, reserved.warnings


async def _append_asking(journey: Journey, reserved: Spending | None, pending: Pending | None, *entries: Entry) -> None:
    """Append; a question to people takes the place of the talent's oldest one where it has too many."""
    if pending is None:
        await _append_reserving(journey, reserved, *entries)
        return
    parts = journey.parts
    async with parts.questions.lock:
        await parts.log.append(*displacing(parts, journey.talent.id), *entries)


async def _append_reserving(journey: Journey, reserved: Spending | None, *entries: Entry) -> None:
    """Append; what could not be recorded as reserved is free again."""

    def lost() -> None:
        if reserved is not None:
            journey.parts.budgets.settle(journey.action, Spending())
            journey.reserved = None

    journey.hold(lost, *entries)
    if reserved is None or not journey.unwatched or journey.parts.chassis.orders(journey.program):
        await journey.record()


def ask_guard(journey: Journey, planned: Planned | e.ActionPlanned) -> Decision:
    """The guard's verdict on a plan, or on one that is on record, with all that the ask said."""
    ask = journey.ask
    question = Question(
        journey.talent,
        journey.capability,
        journey.target,
        planned.plan,
        planned.hazards,
        ask.purpose == "dry_run",
        ask.purpose,
        ask.intent,
        cost_of(journey, planned.plan),
        ask.claim,
        counted(journey.talent, ask.claim, ask.evidence),
        ask.unattended,
    )
    return journey.parts.guard.decide(question)


async def still_so(journey: Journey, planned: Planned, decided: Decided, undoes: History | None) -> None:
    """Raise unless the address stands, and the plan is fresh or comes out the same once more.

    Authority is checked again at each write.
    """
    parts = journey.parts
    address = await journey.driver.address(journey.capability.manifest, journey.target)
    if dict(address) != dict(planned.address):
        raise FabricError(Code.PLAN_STALE, f"{journey.target.name} has another address than when it was planned for")
    if parts.monotonic() - planned.at <= parts.limits.plan_fresh_s:
        return
    await journey.flush()
    again = await (plan(journey, planned.seed) if undoes is None else plan_undo(journey, undoes))
    decision = ask_guard(journey, again)
    if decision.verdict is Verdict.DENY:
        raise denied(journey, decision)
    same = again.changes_digest == planned.changes_digest
    if not same or digest_context(journey, again, decision) != decided.context_digest:
        raise FabricError(Code.PLAN_STALE, f"{journey.target.name} moved while the plan waited")
    if _asks_more(decision, decided.answer):
        message = f"the verdict on the plan rose while it waited, to {decision.verdict.value}: {decision.reason}"
        raise FabricError(Code.PLAN_STALE, message)
