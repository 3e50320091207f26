"""The road: the one way by which anything is done.

    intent ─► admit ─► resolve ─► plan ─► decide ─► apply ─► verify ─► receipt

`travel` is the road from top to bottom; each step stands in its own module. Every entry that it appends is durable
before the next step begins, so the log always says how far an action came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from infrafabric.kernel.admission import authenticate, authorize, check_intent, denied, set_out
from infrafabric.kernel.applying import Applied, apply, recheck
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hearing import hearing
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Halt, Journey, Parts, to_the_end
from infrafabric.kernel.planning import Planned, cost_of, digest_context, plan, records_of
from infrafabric.kernel.ports import Entry, Question
from infrafabric.kernel.stations import OnStation, Station
from infrafabric.kernel.undoing import plan_undo
from infrafabric.kernel.verifying import Verified, verify
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.manifest import Kind as CapabilityKind
from infrafabric.kernel.words.plan import Decision, Outcome, Verdict
from infrafabric.kernel.words.things import Talent

__all__ = ["travel"]

Load = Callable[[Journey], Coroutine[Any, Any, None]]
"""Compiles the journey's capability in the sandbox, once, and records it."""


async def travel(
    parts: Parts,
    ask: Ask,
    action: str,
    load: Load,
    *,
    halt: Halt,
    watcher: OnStation | None = None,
    undoes: History | None = None,
) -> Report:
    """Take `ask` from intent to receipt. Once `halt.asked` is set the action stops before its next write.

    Raises only for callers and loads that are counted rather than logged (unknown talent, rate, quota), and for a log
    that takes no entry; every other refusal or failure is recorded and reported.
    """
    talent = authenticate(parts, ask.talent)
    scanned = False
    try:
        journey = set_out(parts, ask, action, talent, watcher)
        journey.halt = halt
        authorize(journey)
        await parts.governor.admit(talent, journey.capability, journey.target)
        try:
            check_intent(journey)
        finally:
            scanned = journey.scanned
    except FabricError as error:
        if error.code in _COUNTED:
            parts.count(error.code, talent.id)
            raise
        return await _turned_away(parts, ask, action, talent, error, scanned)
    applied = Applied()
    await parts.log.append(*_received(journey))
    try:
        journey.passes(Station.RECEIVED)
        async with parts.governor.turn(journey.target.name, _at_once(journey)):
            recheck(journey)
            await load(journey)
            journey.passes(Station.RESOLVED)

            planned = await (plan(journey) if undoes is None else plan_undo(journey, undoes))
            journey.passes(Station.PLANNED)
            decided = await _decide(journey, planned)
            journey.passes(Station.DECIDED)

            if ask.expect and planned.changes_digest != ask.expect:
                raise FabricError(Code.PLAN_STALE, f"the plan for {journey.target.name} is no longer the one looked at")
            if ask.purpose == "plan":
                return await _close(journey, planned, decided, applied, Verified(Outcome.PLANNED))
            if not planned.plan.changes:
                outcome = Outcome.UNDONE if undoes is not None else Outcome.CONVERGED
                verified = Verified(Outcome.DRY_RUN if ask.purpose == "dry_run" else outcome, run=planned.run)
                return await _close(journey, planned, decided, applied, verified)

            async with hearing(journey, planned) as signals:
                await _still_so(journey, planned, decided, undoes)
                await apply(journey, planned, applied, signals)
                if applied.error is not None and not applied.results:
                    raise applied.error
                if ask.purpose == "dry_run":
                    return await _close(journey, planned, decided, applied, Verified(Outcome.DRY_RUN))
                if not applied.wrote:
                    verified = Verified(Outcome.FAILED, applied.error or _nothing(journey))
                else:
                    verified = await verify(journey, planned, applied, signals)
            journey.passes(Station.VERIFIED)
            return await _close(journey, planned, decided, applied, verified)
    except FabricError as error:
        return await _refuse(journey, error, applied)
    except asyncio.CancelledError:
        interrupted = FabricError(Code.INTERRUPTED, f"{action} was cancelled")
        await to_the_end(_refuse(journey, interrupted, applied))
        raise
    except Exception as fault:
        text = parts.redactor.redact(f"{type(fault).__name__}: {fault}")[:300]
        return await _refuse(journey, FabricError(Code.INTERNAL, text), applied)


_COUNTED = frozenset({Code.RATE_LIMITED, Code.BUSY})


class _Decided(NamedTuple):
    decision: Decision
    context_digest: str
    """Of the plan as it was decided."""


async def _decide(journey: Journey, planned: Planned) -> _Decided:
    """Ask the guard, record plan and decision, and raise unless the verdict is SHARE."""
    decision = _ask_guard(journey, planned)
    digest = digest_context(journey, planned, decision)
    common = journey.common
    await journey.parts.log.append(
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
        journey.entry(
            Kind.ACTION_DECIDED,
            e.ActionDecided(**common, decision=decision, changes_digest=planned.changes_digest, context_digest=digest),
        ),
    )
    if decision.verdict is not Verdict.SHARE:
        raise denied(journey, decision)
    return _Decided(decision, digest)


def _ask_guard(journey: Journey, planned: Planned) -> Decision:
    question = Question(
        journey.talent,
        journey.capability,
        journey.target,
        planned.plan,
        planned.hazards,
        journey.ask.purpose == "dry_run",
    )
    return journey.parts.guard.decide(question)


async def _still_so(journey: Journey, planned: Planned, decided: _Decided, undoes: History | None) -> None:
    """Raise unless the address stands, and the plan is fresh or comes out the same once more.

    Authority is checked again at each write.
    """
    parts = journey.parts
    address = await journey.driver.address(journey.capability.manifest, journey.target)
    if dict(address) != dict(planned.address):
        raise FabricError(Code.PLAN_STALE, f"{journey.target.name} has another address than when it was planned for")
    if parts.monotonic() - planned.at <= parts.limits.plan_fresh_s:
        return
    again = await (plan(journey, planned.seed) if undoes is None else plan_undo(journey, undoes))
    same = again.changes_digest == planned.changes_digest
    if not same or digest_context(journey, again, _ask_guard(journey, again)) != decided.context_digest:
        raise FabricError(Code.PLAN_STALE, f"{journey.target.name} moved while the plan waited")


async def _close(journey: Journey, planned: Planned, decided: _Decided, applied: Applied, verified: Verified) -> Report:
    """Record the outcome and give the receipt."""
    outcome, error = verified.outcome, verified.error
    if applied.error is not None and (error is None or applied.error.code not in _WORLD):
        error = applied.error
        if error.code not in _WORLD and outcome is not Outcome.IN_DOUBT:
            # A violation or a withdrawal is one, however the world looks afterwards.
            outcome = Outcome.FAILED
    body = e.ActionClosed(
        **journey.common,
        capability=journey.capability.manifest.id,
        outcome=outcome,
        code=error.code.value if error else "",
        message=error.message if error else "",
        remains=verified.remains,
        observed=verified.observed,
        apply_run=applied.run,
        verify_run=verified.run if verified.run is not planned.run else None,
        undoes=journey.ask.undoes,
    )
    if outcome is not Outcome.IN_DOUBT:
        await _end(journey, body)
    if outcome not in _ENDED_BADLY:
        error = None
    return Report(
        action=journey.action,
        trace=journey.ask.trace,
        purpose=journey.ask.purpose,
        capability=journey.capability.manifest.id,
        target=journey.target.name,
        outcome=outcome,
        error=error,
        plan=planned.plan,
        requests=planned.requests,
        hazards=planned.hazards,
        decision=decided.decision,
        changes_digest=planned.changes_digest,
        context_digest=decided.context_digest,
        remains=verified.remains,
        receipt=await journey.parts.log.receipt(journey.action),
    )


_ENDED_BADLY = frozenset({Outcome.FAILED, Outcome.IN_DOUBT})
_WORLD = frozenset(
    {
        Code.TARGET_UNREACHABLE,
        Code.TARGET_TIMEOUT,
        Code.TARGET_LOST,
        Code.TARGET_STATUS,
        Code.ANSWER_INVALID,
        Code.ANSWER_TOO_LARGE,
        Code.REDIRECT_REFUSED,
        Code.INTERNAL,
    }
)
"""What a write may meet with in the world (or in its driver) and yet have been taken."""


async def _end(journey: Journey, body: e.ActionClosed) -> None:
    """Record the one ending of an action that planned; without the guests' transcripts where they do not fit."""
    journey.ended = True
    try:
        await to_the_end(_append_end(journey, body))
    except FabricError as error:
        if error.code is not Code.TOO_LARGE:
            raise
        await to_the_end(_append_end(journey, body.model_copy(update={"apply_run": None, "verify_run": None})))
    journey.passes(Station.CLOSED)


async def _append_end(journey: Journey, body: e.ActionClosed) -> None:
    await journey.parts.log.append(journey.entry(Kind.ACTION_CLOSED, body))


async def _refuse(journey: Journey, error: FabricError, applied: Applied) -> Report:
    """End an action that could not go on: refused where nothing was written, in doubt where nobody knows, else failed.

    An action that is in doubt gets no ending here: the world, a lookup or a person gives it.
    """
    if not journey.ended and not applied.wrote:
        journey.ended = True
        retryable = error.spec.retryable
        refused = e.ActionRefused(
            **journey.common,
            station="apply" if applied.results else "plan",
            code=error.code.value,
            message=error.message,
            capability=journey.capability.manifest.id,
            undoes=journey.ask.undoes,
            idempotency_key=journey.ask.idempotency_key if retryable else "",
            apply_run=applied.run,
        )
        await _append_refusal(journey, refused)
        journey.passes(Station.REFUSED)
    elif not journey.ended and "unknown" not in applied.results.values():
        done = journey.capability.manifest.kind is CapabilityKind.EVENT and "answered" in applied.results.values()
        ended_well = Outcome.UNDONE if journey.ask.undoes else Outcome.DONE
        closed = e.ActionClosed(
            **journey.common,
            capability=journey.capability.manifest.id,
            outcome=ended_well if done else Outcome.FAILED,
            code=error.code.value,
            message=error.message,
            apply_run=applied.run,
            undoes=journey.ask.undoes,
        )
        await _end(journey, closed)
    history = History.of(journey.action, journey.parts.log.entries(journey.action))
    return history.report(await journey.parts.log.receipt(journey.action))


async def _append_refusal(journey: Journey, body: e.ActionRefused) -> None:
    """Record a refusal; without the guest's transcript where that does not fit."""
    try:
        await journey.parts.log.append(journey.entry(Kind.ACTION_REFUSED, body))
    except FabricError as error:
        if error.code is not Code.TOO_LARGE or body.apply_run is None:
            raise
        body = body.model_copy(update={"apply_run": None})
        await journey.parts.log.append(journey.entry(Kind.ACTION_REFUSED, body))


async def _turned_away(
    parts: Parts, ask: Ask, action: str, talent: Talent, error: FabricError, scanned: bool
) -> Report:
    """Record that a known talent asked for what it may not have, or for what is not there.

    An intent that was not looked through for secrets is withheld: it may hold one that nobody opened.
    """
    common: dict[str, Any] = {
        "tenant": talent.tenant,
        "talent": talent.id,
        "target": ask.target or "",
        "trace": ask.trace,
    }
    received = e.ActionReceived(
        **common,
        capability=ask.capability,
        intent=dict(ask.intent) if scanned else {},
        why=parts.redactor.redact(ask.why),
        purpose=ask.purpose,
        undoes=ask.undoes,
    )
    refused = e.ActionRefused(
        **common,
        station="admit",
        code=error.code.value,
        message=error.message,
        capability=ask.capability,
        undoes=ask.undoes,
    )
    await parts.log.append(
        Entry(Kind.ACTION_RECEIVED, received, action, talent.id),
        Entry(Kind.ACTION_REFUSED, refused, action, talent.id),
    )
    return History.of(action, parts.log.entries(action)).report(await parts.log.receipt(action))


def _received(journey: Journey) -> list[Entry]:
    """That the action was asked for, and which secrets it will use."""
    ask, redactor = journey.ask, journey.parts.redactor
    received = e.ActionReceived(
        **journey.common,
        capability=journey.capability.manifest.id,
        intent=dict(ask.intent),
        why=redactor.redact(ask.why),
        purpose=ask.purpose,
        idempotency_key=ask.idempotency_key,
        undoes=ask.undoes,
    )
    entries = [journey.entry(Kind.ACTION_RECEIVED, received)]
    if journey.secrets:
        used = e.SecretUsed(**journey.common, names=tuple(sorted(journey.secrets)))
        entries.append(journey.entry(Kind.SECRET_USED, used))
    return entries


def _at_once(journey: Journey) -> int:
    """A state is moved by one action at a time; events may run side by side as far as the manifest says."""
    manifest = journey.capability.manifest
    return 1 if manifest.kind is CapabilityKind.STATE else manifest.limits.concurrency


def _nothing(journey: Journey) -> FabricError:
    return FabricError(
        Code.ADAPTER_FAILED, f"{journey.capability.manifest.name} performed none of the changes it planned"
    )
