"""The road: the one way by which anything is done.

    intent ─► admit ─► resolve ─► plan ─► decide ─►(approve)─► apply ─► verify ─► receipt

`travel` and `_onward` are the road from top to bottom; each step stands in its own module. Every entry that it appends
is durable before the world is touched again, so the log always says how far an action came. Entries between which
nothing leaves the process, and nobody stands at a station, share a transaction: a plan that needs nobody goes on record
with the first write's intention, and the last write's answer with the ending. An action that has to wait for
people leaves the road as `waiting`; `take_up` brings it back where enough of them agreed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from infrafabric.kernel.admission import authenticate, authorize, check_intent, set_out
from infrafabric.kernel.applying import Applied, apply, recheck
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.cancelling import cancelled_on_record
from infrafabric.kernel.deciding import decide, decide_again, still_so
from infrafabric.kernel.ending import close, refuse, waiting
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.attempts import falsify
from infrafabric.kernel.falsify.case import Case
from infrafabric.kernel.hearing import hearing
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Halt, Journey, Parts, to_the_end
from infrafabric.kernel.planning import plan
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.stations import OnStation, Station
from infrafabric.kernel.undoing import plan_undo
from infrafabric.kernel.verifying import Verified, verify
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.manifest import Kind as CapabilityKind
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Talent

__all__ = ["take_up", "travel"]

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
    that takes no entry; every other refusal or failure is recorded and reported. A refusal costs the talent as much of
    its rate as an ask that is admitted.
    """
    talent = authenticate(parts, ask.talent)
    admitted = scanned = False
    try:
        journey = set_out(parts, ask, action, talent, watcher)
        journey.halt = halt
        authorize(journey)
        await parts.governor.admit(talent, journey.capability, journey.target)
        admitted = True
        try:
            await check_intent(journey)
        finally:
            scanned = journey.scanned
    except FabricError as error:
        refusal = error if admitted else _charged(parts, talent, error)
        if refusal.code in _COUNTED:
            parts.count(refusal.code, talent.id)
            raise refusal from None
        return await _turned_away(parts, ask, action, talent, refusal, scanned)
    await parts.log.append(*_received(journey))
    applied = Applied()
    return await _recorded(journey, applied, _onward(journey, load, applied, undoes))


async def take_up(journey: Journey, load: Load, waited: History, undoes: History | None = None) -> Report:
    """Go on with an action that waited for people, and that enough of them agreed to.

    Raises IF_ERR_APPROVAL_INVALID where not enough did; nothing is recorded then. Everything else is as in `travel`.
    """
    if missing := journey.parts.approvals.missing(waited.asked, waited.approvals):
        raise FabricError(Code.APPROVAL_INVALID, f"{journey.action} still waits: {missing}")
    applied = Applied()
    return await _recorded(journey, applied, _onward(journey, load, applied, undoes, waited))


async def _onward(
    journey: Journey, load: Load, applied: Applied, undoes: History | None, waited: History | None = None
) -> Report:
    """From a recorded ask to its end, or to where it waits for people."""
    ask = journey.ask
    journey.passes(Station.RECEIVED)
    async with _turn(journey):
        recheck(journey)
        await load(journey)
        journey.passes(Station.RESOLVED)

        seed = waited.seed if waited is not None else None
        planned = await (plan(journey, seed) if undoes is None else plan_undo(journey, undoes))
        journey.passes(Station.PLANNED)
        if waited is None:
            decided = await decide(journey, planned, lambda made: _stands(Case(journey, planned, made, undoes)))
        else:
            decided = await decide_again(journey, planned, waited)
            entries, refuted = await _stands(Case(journey, planned, decided.decision, undoes, agreed=True))
            if entries:
                await journey.parts.log.append(*entries)
            if refuted is not None:
                raise refuted
        journey.passes(Station.DECIDED)

        if decided.pending is not None:
            return waiting(journey, planned, decided)
        if ask.purpose == "plan":
            return await close(journey, planned, decided, applied, Verified(Outcome.PLANNED))
        if not planned.plan.changes:
            outcome = Outcome.UNDONE if undoes is not None else Outcome.CONVERGED
            verified = Verified(Outcome.DRY_RUN if ask.purpose == "dry_run" else outcome, run=planned.run)
            return await close(journey, planned, decided, applied, verified)

        if journey.capability.manifest.signals is not None:  # to listen may take its time
            await journey.flush()
        async with hearing(journey, planned) as signals:
            await still_so(journey, planned, decided, undoes)
            await apply(journey, planned, applied, signals)
            if applied.error is not None and not applied.results:
                raise applied.error
            if ask.purpose == "dry_run":
                return await close(journey, planned, decided, applied, Verified(Outcome.DRY_RUN))
            if not applied.wrote:
                verified = Verified(Outcome.FAILED, applied.error or _nothing(journey))
            else:
                verified = await verify(journey, planned, applied, signals)
        journey.passes(Station.VERIFIED)
        return await close(journey, planned, decided, applied, verified)


async def _stands(case: Case) -> tuple[tuple[Entry, ...], FabricError | None]:
    """Hold the plan against the one that was looked at, and try to refute it, where the ask wants that; the entries
    that tell of it, and the refusal where it did not stand."""
    journey, ask = case.journey, case.journey.ask
    if ask.expect and case.planned.changes_digest != ask.expect:
        message = f"the plan for {journey.target.name} is no longer the one looked at"
        return (), FabricError(Code.PLAN_STALE, message)
    if not (ask.falsify and case.writes and ask.purpose in ("apply", "undo")):
        return (), None
    tried = await falsify(case, ask.why, journey.talent.id)
    journey.attempts = tried.attempts
    return (tried.entry,), tried.refuted


@asynccontextmanager
async def _turn(journey: Journey) -> AsyncIterator[None]:
    """The right to plan and apply on the target. Raises IF_ERR_BUSY, and IF_ERR_DEADLINE where it takes too long."""
    async with AsyncExitStack() as held:
        turn = journey.parts.governor.turn(journey.target.name, _at_once(journey), journey.talent.id)
        try:
            async with asyncio.timeout(journey.left_s):
                await held.enter_async_context(turn)
        except TimeoutError:
            what = f"{journey.action} waited for its turn at {journey.target.name} until {journey.deadline}"
            raise FabricError(Code.DEADLINE, what) from None
        yield


async def _recorded(journey: Journey, applied: Applied, way: Coroutine[Any, Any, Report]) -> Report:
    """Go the way; whatever ends it early is recorded as the action's end."""
    parts, action = journey.parts, journey.action
    async with cancelled_on_record(journey, applied):
        try:
            return await way
        except FabricError as error:
            return await _refused(journey, parts.masked(error), applied)
        except asyncio.CancelledError:
            journey.halt.stop()
            interrupted = FabricError(Code.INTERRUPTED, f"{action} was cancelled")
            await to_the_end(_refused(journey, interrupted, applied))
            raise
        except Exception as fault:
            text = parts.redactor.redact(f"{type(fault).__name__}: {fault}")[:300]
            return await _refused(journey, FabricError(Code.INTERNAL, text), applied)
        finally:
            if applied.look is not None:
                applied.look.drop()


async def _refused(journey: Journey, error: FabricError, applied: Applied) -> Report:
    """Record the end of an action: for `error`, unless the log does not take what the action had to say before."""
    try:
        await journey.flush()
    except FabricError as lost:
        error = lost
    return await refuse(journey, error, applied)


_COUNTED = frozenset({Code.RATE_LIMITED, Code.BUSY})


def _charged(parts: Parts, talent: Talent, error: FabricError) -> FabricError:
    """What an ask that was not admitted is refused with, once its talent was charged: beyond its rate, only that."""
    if error.code in _COUNTED:
        return error
    try:
        parts.governor.charge(talent)
    except FabricError as limited:
        return limited
    return error


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
        falsify=ask.falsify,
        unattended=ask.unattended,
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
        claim=ask.claim,
        evidence=ask.evidence,
        falsify=ask.falsify,
        unattended=ask.unattended,
        deadline=journey.deadline,
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
