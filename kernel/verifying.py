"""Verify: look again, with the adapter's own eyes, and say what is observed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.ahead import Look
from infrafabric.kernel.applying import Applied, halted_by
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hearing import pause
from infrafabric.kernel.parts import Journey
from infrafabric.kernel.planning import Planned, plan, same_change
from infrafabric.kernel.ports import Signals
from infrafabric.kernel.results import is_reference
from infrafabric.kernel.words.entries import GuestRun
from infrafabric.kernel.words.manifest import Kind
from infrafabric.kernel.words.plan import Change, Outcome, Plan

__all__ = ["Verified", "same_change", "taken", "verify", "verify_event", "verify_state"]


@dataclass(frozen=True, slots=True)
class Verified:
    outcome: Outcome
    error: FabricError | None = None
    remains: Plan | None = None
    run: GuestRun | None = None
    observed: Any = None
    """What the adapter saw at the end, where it says so."""


async def verify(journey: Journey, planned: Planned, applied: Applied, signals: Signals | None = None) -> Verified:
    """What became of an apply that wrote something. What cannot be seen is in doubt or failed, never raised."""
    if journey.capability.manifest.kind is Kind.EVENT:
        return verify_event(planned.plan, applied, undoing=journey.ask.purpose == "undo")
    settle = max((journey.effect(planned_effect(planned, change)).settle_s for change in applied.results), default=0.0)
    unknown = "unknown" in applied.results.values()
    return await verify_state(journey, planned.plan, settle, applied.error, unknown, signals, applied.look)


def planned_effect(planned: Planned, change_id: str) -> str:
    change = planned.plan.change(change_id)
    assert change is not None
    return change.effect


def verify_event(made: Plan, applied: Applied, *, undoing: bool = False) -> Verified:
    """An event is done when its provider answered so, with what went wrong afterwards beside it; without an answer it
    is in doubt, and only that."""
    result = applied.results.get(made.changes[0].id)
    if result == "answered":
        return Verified(Outcome.UNDONE if undoing else Outcome.DONE, applied.error)
    if result == "unknown":
        said = f": {applied.error.message}" if applied.error else ""
        error = FabricError(Code.IN_DOUBT, f"it is not known whether {made.changes[0].effect} happened{said}")
        return Verified(Outcome.IN_DOUBT, error)
    return Verified(Outcome.FAILED, applied.error)


def taken(made: Plan, results: Iterable[str], remains: Plan | None) -> bool:
    """Whether a write of `made` was taken or may have been, by what is known of each; `remains` is what was seen to
    lack. Where every change lacks still, none was."""
    if not any(result in ("answered", "unknown") for result in results):
        return False
    return remains is None or len(remains.changes) < len(made.changes)


async def verify_state(
    journey: Journey,
    made: Plan,
    settle_s: float,
    error: FabricError | None,
    unknown: bool,
    signals: Signals | None = None,
    look: Look | None = None,
) -> Verified:
    """Plan again until the plan no longer holds `made`'s changes or `settle_s` is over: at growing intervals, or when
    the target tells of a change. After a look that ended in an error the next is a second off, then two, then four: a
    target that is restarting is left to it, and its breaker counts the first of them only.

    For an undo the intent is the one that is taken back, so its changes must be wanted again instead. `look` is the
    first look, where that is under way.
    """
    limits = journey.parts.limits
    deadline = journey.parts.monotonic() + settle_s
    interval = limits.poll_first_s if signals is None else limits.poll_most_s
    unseen_s = _UNSEEN_S
    undoing = journey.ask.purpose == "undo"
    for run in range(1, limits.read_runs + 1):
        seen: Planned | FabricError
        try:
            if look is not None and not await look.over(HELD_S):
                await journey.flush()
            seen = await (plan(journey) if look is None else look.seen())
        except FabricError as unseen:
            seen, journey.unseen = unseen, True
        else:
            journey.unseen, unseen_s = False, _UNSEEN_S
            left = _not_undone(made, seen.plan) if undoing else seen.plan
            if not left.changes:
                # What was asked for is so, whatever a write along the way answered.
                outcome = Outcome.UNDONE if undoing else Outcome.CONVERGED
                return Verified(outcome, None, None, seen.run, seen.plan.observed)
        look = None
        await journey.flush()
        halted = halted_by(journey)
        if halted is not None or journey.parts.monotonic() >= deadline or run == limits.read_runs:
            break
        left_s = max(0.0, deadline - journey.parts.monotonic())
        if journey.unseen:
            await pause(min(unseen_s, left_s), signals, _UNSEEN_S, journey.halt)
            unseen_s *= 2
            continue
        # A peer that tells of ever more makes the looks rarer: they have to last until the deadline.
        least = min(limits.poll_first_s * 2 ** min(run // 10, 10), limits.poll_most_s)
        await pause(min(interval, left_s), signals, least, journey.halt)
        interval = min(interval * 2, limits.poll_most_s)
    if isinstance(seen, FabricError):
        return _unseen(error, seen, unknown)
    if error is None:
        error = halted or _why_not(journey, made, left)
    return Verified(Outcome.FAILED, error, left, seen.run, seen.plan.observed)


HELD_S = 0.02
"""What a write was answered with waits that long for the look after it, to go on record together with the ending."""
_UNSEEN_S = 1.0
"""From a look that ended in an error to the next one; doubled as long as they do."""


def _why_not(journey: Journey, made: Plan, left: Plan) -> FabricError:
    """Nothing happened, or something else did: what remains starts neither from what was before nor from what was meant
    to come. Who moved it (another hand, the device, another change's side effect) cannot be told from here."""
    moved = [change for change in left.changes if _elsewhere(made, change)]
    if not moved:
        what = ", ".join(change.effect for change in left.changes[:5])
        return FabricError(Code.NOT_CONVERGED, f"{journey.target.name} still lacks: {what}")
    found = journey.parts.redactor.redact(dumps(moved[0].before).decode())
    shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}…"
    return FabricError(
        Code.CONTESTED,
        f"{journey.target.name} shows {shown} after {moved[0].effect}: neither what was before nor what was wanted",
    )


_SHOWN = 200


def _elsewhere(made: Plan, remaining: Change) -> bool:
    """Whether a change that is still wanted starts from a state that was neither there before nor meant to be."""
    planned = [
        change for change in made.changes if (change.effect, change.after) == (remaining.effect, remaining.after)
    ]
    return bool(planned) and all(remaining.before not in (change.before, change.after) for change in planned)


def _not_undone(made: Plan, again: Plan) -> Plan:
    """The inverses in `made` whose original change the adapter does not plan again: they have not taken."""
    wanted = list(again.changes)
    left = []
    for change in made.changes:
        original = next((other for other in wanted if _is_inverse(change, other)), None)
        if original is None:
            left.append(change)
        else:
            wanted.remove(original)
    return Plan(changes=tuple(left))


def _is_inverse(change: Change, original: Change) -> bool:
    return (
        change.inverse is not None
        and change.inverse.effect == original.effect
        and (change.before, change.after) == (original.after, original.before)
        and (dict(change.inverse.args) == dict(original.args) or any(map(is_reference, original.args.values())))
    )


def _unseen(error: FabricError | None, unseen: FabricError, unknown: bool) -> Verified:
    if unknown:
        return Verified(Outcome.IN_DOUBT, FabricError(Code.IN_DOUBT, f"nothing can be seen: {unseen.message}"))
    return Verified(Outcome.FAILED, error or unseen)
