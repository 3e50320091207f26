"""Intents, plans, decisions and outcomes: what passes along the road."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from infrafabric.kernel.canonical import dumps, sha256, signed_bytes
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.manifest import Cost, Hazard, Name
from infrafabric.kernel.words.policy import Needs

__all__ = ["Call", "Change", "Decision", "Outcome", "Plan", "Verdict", "changes_digest", "context_digest"]

ChangeId = Annotated[str, StringConstraints(pattern=r"^change-[1-9]\d{0,3}$")]


class Call(Word):
    """A named effect with its arguments, as a guest asks for it."""

    effect: Name
    args: Mapping[str, Any] = {}


class Change(Word):
    """One write of a plan: what is sent, what it alters, how it is taken back."""

    id: ChangeId
    effect: Name
    args: Mapping[str, Any] = {}
    summary: Annotated[str, StringConstraints(max_length=300)] = ""
    """The adapter's words; untrusted wherever they are shown."""
    before: Any = None
    """What the adapter observed, as JSON. Values that move by themselves stay out."""
    after: Any = None
    """What the adapter expects to observe once the change has taken."""
    inverse: Call | None = None
    hazards: tuple[Hazard, ...] = ()
    """Beyond those that the manifest declares for the effect."""


class Plan(Word):
    """The changes that bring the intent about, in order. Empty: nothing to do."""

    changes: Annotated[tuple[Change, ...], Field(max_length=500)] = ()
    hazards: tuple[Hazard, ...] = ()
    cost: Cost | None = None
    note: Annotated[str, StringConstraints(max_length=1_000)] = ""
    """The adapter's words; untrusted wherever they are shown."""
    observed: Any = None
    """What the adapter saw of all that its changes touch, as JSON, without what moves by itself: whether another hand
    was there since is told by comparing it."""

    def change(self, change_id: str) -> Change | None:
        return next((change for change in self.changes if change.id == change_id), None)

    @property
    def bytes(self) -> bytes:
        return dumps(self.as_json())

    @property
    def digest(self) -> str:
        return sha256(self.bytes)


def changes_digest(address: Mapping[str, Any], plan: Plan) -> str:
    """What a person approves: where it goes (`address`, as the driver profiles it), the changes and their inverses."""
    changes = [change.as_json() for change in plan.changes]
    return sha256(signed_bytes("infrafabric-changes-v1", {"address": dict(address), "changes": changes}))


def context_digest(
    changes: str,
    *,
    talent: str,
    capability: str,
    intent: Mapping[str, Any],
    adapter: str,
    runtime: str,
    records: Iterable[str],
    hazards: Iterable[str],
    cost: Cost,
    undoes: str,
) -> str:
    """`changes` (the changes digest) and everything else that the decision rested on.

    `records` are digests of the trust, talent, target, grant and policy records that were used, in any order.
    """
    context = {
        "changes": changes,
        "talent": talent,
        "capability": capability,
        "intent": dict(intent),
        "adapter": adapter,
        "runtime": runtime,
        "records": sorted(set(records)),
        "hazards": sorted(set(hazards)),
        "cost": cost.as_json(),
        "undoes": undoes,
    }
    return sha256(signed_bytes("infrafabric-context-v1", context))


class Verdict(StrEnum):
    SHARE = "SHARE"
    """Go."""
    HOLD = "HOLD"
    """One more source or person."""
    ESCALATE = "ESCALATE"
    """People must approve."""
    DENY = "DENY"


class Decision(Word):
    """The guard's verdict on a plan, with the rules that gave it."""

    verdict: Verdict
    rules: tuple[str, ...]
    """Ids of the rules that determined the verdict, such as `grants/none`."""
    reason: str
    records: tuple[str, ...] = ()
    """Digests of the trust, grant and policy records that were used."""
    needs: Needs | None = None
    """Whose agreement it waits for; set exactly when the verdict is HOLD or ESCALATE."""


class Outcome(StrEnum):
    """What was observed afterwards."""

    CONVERGED = "converged"
    """A state: the adapter finds nothing left to do."""
    DONE = "done"
    """An event: the provider answered that it happened."""
    SETTLING = "settling"
    FAILED = "failed"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    UNDONE = "undone"
    PLANNED = "planned"
    """Only a plan was asked for."""
    DRY_RUN = "dry_run"
    """Nothing was written, on request."""
    WAITING = "waiting"
    """The plan waits for people: the action is open, and nothing was written."""
