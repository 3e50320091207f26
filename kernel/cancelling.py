"""Cancelling: who may, and an action that waits for people.

What is on the road is stopped by its `Halt`; the road itself records how far it came.
"""

from __future__ import annotations

from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Parts
from infrafabric.kernel.questions import end_waiting
from infrafabric.kernel.words.things import Talent

__all__ = ["cancel_waiting", "check_may_cancel"]


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
