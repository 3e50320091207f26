"""End: an action's outcome on record, once, and its report with the receipt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from infrafabric.kernel.applying import Applied
from infrafabric.kernel.approving import who_must_agree
from infrafabric.kernel.ask import Report
from infrafabric.kernel.deciding import Decided
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey, to_the_end
from infrafabric.kernel.planning import Planned
from infrafabric.kernel.retrying import rfc3339
from infrafabric.kernel.stations import Station
from infrafabric.kernel.verifying import Verified, taken
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.manifest import Kind as CapabilityKind
from infrafabric.kernel.words.plan import Outcome, Plan
from infrafabric.kernel.words.policy import Needs, Retry, Spending

__all__ = ["close", "refuse", "waiting"]


def waiting(journey: Journey, planned: Planned, decided: Decided) -> Report:
    """The report of an action that leaves the road until people have answered."""
    decision = decided.decision
    said = f"{decision.verdict.value}: {decision.reason}; {who_must_agree(decision.needs or Needs(), decision.verdict)}"
    return Report(
        action=journey.action,
        trace=journey.ask.trace,
        purpose=journey.ask.purpose,
        capability=journey.capability.manifest.id,
        target=journey.target.name,
        outcome=Outcome.WAITING,
        error=FabricError(Code.APPROVAL_REQUIRED, said),
        plan=planned.plan,
        requests=planned.requests,
        hazards=planned.hazards,
        decision=decided.decision,
        changes_digest=planned.changes_digest,
        context_digest=decided.context_digest,
        pending=decided.pending,
        attempts=journey.attempts,
    )


async def close(journey: Journey, planned: Planned, decided: Decided, applied: Applied, verified: Verified) -> Report:
    """Record the outcome and give the receipt."""
    outcome, error = verified.outcome, verified.error
    if applied.error is not None and (error is None or applied.error.code not in _WORLD):
        error = applied.error
        if error.code not in _WORLD and outcome is not Outcome.IN_DOUBT and not _happened(journey, applied):
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
        taken=_taken(journey, outcome, planned.plan, applied, verified.remains),
        spent=_spent(journey, applied),
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
        warnings=decided.warnings,
        attempts=journey.attempts,
        remains=verified.remains,
        retries=dict(applied.retries),
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
    await journey.record(journey.entry(Kind.ACTION_CLOSED, body))
    journey.parts.budgets.settle(journey.action, body.spent or Spending())


def _happened(journey: Journey, applied: Applied) -> bool:
    """Whether an event's provider said that it happened: then it did, whatever went wrong afterwards."""
    return journey.capability.manifest.kind is CapabilityKind.EVENT and "answered" in applied.results.values()


def _taken(journey: Journey, outcome: Outcome, made: Plan, applied: Applied, remains: Plan | None) -> bool:
    """Whether an undo failed that changed something all the same, or may have."""
    failed = bool(journey.ask.undoes) and outcome is Outcome.FAILED
    return failed and taken(made, applied.results.values(), remains)


def _spent(journey: Journey, applied: Applied) -> Spending | None:
    """What was spent of what was set aside: writes that may have reached the target, and the cost where one did."""
    if journey.reserved is None:
        return None
    return journey.reserved.after(sum(result != "not_sent" for result in applied.results.values()))


async def refuse(journey: Journey, error: FabricError, applied: Applied) -> Report:
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
            spent=journey.reserved.after(0) if journey.reserved is not None else None,
            retry=_later(journey, error),
        )
        await _append_refusal(journey, refused)
        journey.passes(Station.REFUSED)
        told = History.of(journey.action, journey.parts.log.entries(journey.action))
        return replace(told.report(await journey.parts.log.receipt(journey.action)), error=error)
    if not journey.ended and "unknown" not in applied.results.values():
        ended_well = Outcome.UNDONE if journey.ask.undoes else Outcome.DONE
        outcome = ended_well if _happened(journey, applied) else Outcome.FAILED
        closed = e.ActionClosed(
            **journey.common,
            capability=journey.capability.manifest.id,
            outcome=outcome,
            code=error.code.value,
            message=error.message,
            apply_run=applied.run,
            undoes=journey.ask.undoes,
            taken=_taken(journey, outcome, Plan(), applied, None),
            spent=_spent(journey, applied),
        )
        await _end(journey, closed)
    history = History.of(journey.action, journey.parts.log.entries(journey.action))
    return history.report(await journey.parts.log.receipt(journey.action))


def _later(journey: Journey, error: FabricError) -> Retry | None:
    """When the same ask may succeed, where the error knows."""
    if error.retry_after is None:
        return None
    at = journey.parts.now() + timedelta(seconds=error.retry_after)
    return Retry(attempt=1, limit=1, next_at=rfc3339(at), cause=error.code.value)


async def _append_refusal(journey: Journey, body: e.ActionRefused) -> None:
    """Record a refusal; without the guest's transcript where that does not fit."""
    try:
        await journey.parts.log.append(journey.entry(Kind.ACTION_REFUSED, body))
    except FabricError as error:
        if error.code is not Code.TOO_LARGE or body.apply_run is None:
            raise
        body = body.model_copy(update={"apply_run": None})
        await journey.parts.log.append(journey.entry(Kind.ACTION_REFUSED, body))
    journey.parts.budgets.settle(journey.action, Spending())
