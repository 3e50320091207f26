"""Undo: the inverses of the changes that were observed, in reverse, as a plan like any other.

The present state must equal what the action left. For a `state` that is asked of the adapter itself: planned for the
original intent, it must find nothing to do. For an `event` there is nothing to look at; its inverse is one more act.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey
from infrafabric.kernel.planning import Planned, check_plan, hazards_of, plan
from infrafabric.kernel.results import resolve
from infrafabric.kernel.verifying import same_change
from infrafabric.kernel.words.manifest import Kind
from infrafabric.kernel.words.plan import Call, Change, Plan, changes_digest

__all__ = ["check_undoable", "plan_undo"]


def check_undoable(history: History, undone: bool) -> None:
    """Raise IF_ERR_UNDO_IMPOSSIBLE with the reason where the action has nothing that can be taken back."""
    action = history.action
    if undone:
        raise FabricError(Code.UNDO_IMPOSSIBLE, f"{action} was undone already, is being undone, or may have been")
    if history.erased:
        raise FabricError(Code.UNDO_IMPOSSIBLE, f"entries of {action} were erased, so what it did is not known")
    if history.closed is None:
        raise FabricError(Code.UNDO_IMPOSSIBLE, f"{action} is refused or not closed, so there is nothing to undo")
    if history.uncertain:
        raise FabricError(
            Code.UNDO_IMPOSSIBLE, f"{action}: it is not known whether {', '.join(history.uncertain)} was made"
        )
    if not history.done:
        raise FabricError(Code.UNDO_IMPOSSIBLE, f"{action} changed nothing")
    lasting = [change.id for change in history.done if change.inverse is None]
    if lasting:
        raise FabricError(Code.UNDO_IMPOSSIBLE, f"{action}: no inverse is known for {', '.join(lasting)}")


async def plan_undo(journey: Journey, history: History) -> Planned:
    """The plan that takes `history` back. Raises IF_ERR_UNDO_MOVED, and what planning raises."""
    manifest = journey.capability.manifest
    made = inverse_plan(history, journey)
    if manifest.kind is Kind.EVENT:
        address = await journey.driver.address(manifest, journey.target)
        run, seed, at = None, secrets.randbits(48), journey.parts.monotonic()
    else:
        present = await plan(journey)
        _check_unmoved(journey, history, present.plan)
        address, run, seed, at = present.address, present.run, present.seed, present.at
    if history.planned is None or dict(address) != dict(history.planned.address):
        raise FabricError(Code.UNDO_MOVED, f"{journey.target.name} has another address than when {history.action} ran")
    return Planned(
        plan=made,
        run=run,
        address=address,
        requests=check_plan(journey, made),
        hazards=hazards_of(journey, made),
        changes_digest=changes_digest(address, made),
        seed=seed,
        at=at,
    )


def _check_unmoved(journey: Journey, history: History, present: Plan) -> None:
    """Raise IF_ERR_UNDO_MOVED unless the adapter finds to do what was left to do then, and sees what it saw then."""
    closed = history.closed
    assert closed is not None
    left = closed.remains.changes if closed.remains is not None else ()
    same = len(left) == len(present.changes) and all(map(same_change, left, present.changes))
    if not same or (closed.observed is not None and closed.observed != present.observed):
        moved = ", ".join(change.effect for change in present.changes[:5]) or "it looks otherwise"
        raise FabricError(Code.UNDO_MOVED, f"{journey.target.name} is no longer as {history.action} left it: {moved}")


def inverse_plan(history: History, journey: Journey) -> Plan:
    """The observed changes' inverses, newest first, their references resolved from the recorded answers."""
    manifest = journey.capability.manifest
    earlier = {change.id: change for change in history.done}
    answers: dict[str, Mapping[str, Any]] = {
        name: body.answer or {} for name, body in history.observed.items() if body.result == "answered"
    }
    changes = []
    for position, change in enumerate(reversed(history.done), 1):
        assert change.inverse is not None
        changes.append(
            Change(
                id=f"change-{position}",
                effect=change.inverse.effect,
                args=resolve(manifest, change.inverse.args, earlier, answers),
                before=change.after,
                after=change.before,
                inverse=Call(effect=change.effect, args=resolve(manifest, change.args, earlier, answers)),
            )
        )
    return Plan(changes=tuple(changes))
