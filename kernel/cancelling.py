"""Cancelling: who may, and an action that waits for people.

What is on the road is stopped by its `Halt`; the road itself records how far it came. That it was cancelled is on
record of its own only where nobody knows what became of an event's write: a later kernel must not send that again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrafabric.kernel.applying import Applied
from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey, Parts, to_the_end
from infrafabric.kernel.questions import end_waiting
from infrafabric.kernel.words.entries import ActionCancelled, Kind
from infrafabric.kernel.words.manifest import Kind as CapabilityKind
from infrafabric.kernel.words.things import Talent

__all__ = ["cancel_waiting", "cancelled_on_record", "check_may_cancel"]


@asynccontextmanager
async def cancelled_on_record(journey: Journey, applied: Applied) -> AsyncIterator[None]:
    """While an action is on the road: record at once that it was cancelled, where an event may or may not have
    happened. Raises what the log raises."""
    recording = asyncio.create_task(_record(journey, applied))
    try:
        yield
    finally:
        if journey.halt.asked:
            await to_the_end(recording)
        else:
            recording.cancel()


async def _record(journey: Journey, applied: Applied) -> None:
    await journey.halt.stopped()
    capability = journey.capability.manifest
    # A state is looked at and never sent again. After an action's end nothing more is recorded of it.
    if journey.ended or capability.kind is not CapabilityKind.EVENT or "unknown" not in applied.results.values():
        return
    halt = journey.halt
    why = journey.parts.redactor.redact(halt.why)
    body = ActionCancelled(**journey.common, capability=capability.id, by=halt.by, why=why)
    await journey.parts.log.append(journey.entry(Kind.ACTION_CANCELLED, body))


def check_may_cancel(parts: Parts, action: str, who: Talent) -> None:
    """Raise unless `who` may cancel the action: who asked for it, that talent's owner, or a person of its tenant.

    IF_ERR_ACTION_UNKNOWN also where the action is another tenant's, IF_ERR_DENIED.
    """
    asked = parts.log.facts.get("action", action)
    if asked is None or asked["tenant"] != who.tenant:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action}")
    if who.id == asked["talent"] or who.id.startswith("if://person/"):
        return
    owned = parts.authority.get("talent", asked["talent"])
    if owned is None or owned.get("owner") != who.id:
        raise FabricError(Code.DENIED, f"{who.id} neither asked for {action} nor owns who did, and is no person")


async def cancel_waiting(parts: Parts, action: str, talent: str, why: str) -> Report:
    """End an action that waits for people. Raises IF_ERR_NOT_UNDER_WAY for one that is over or in doubt."""
    async with parts.questions.answering(action):
        history = History.of(action, parts.log.entries(action))
        if not history.waiting:
            state = parts.log.facts.get("state", action)
            now = "in doubt" if not history.ended else state["state"] if state is not None else "over"
            raise FabricError(Code.NOT_UNDER_WAY, f"{action} is not under way: it is {now}")
        message = parts.redactor.redact(f"{action} was cancelled by {talent}: {why}")
        await end_waiting(parts, history, FabricError(Code.CANCELLED, message), actor=talent)
    return History.of(action, parts.log.entries(action)).report(await parts.log.receipt(action))
