"""What the client answers with. `raw` is the kernel's whole answer, with the members of `ifctl --json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infrafabric.control.cli.untrusted import visible

__all__ = ["Action", "Change", "Plan"]

_CAP = 160


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a plan. What is before and after was read from the target: show it as untrusted text."""

    id: str
    effect: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an intent would change, and how it was decided. Nothing was written."""

    action: str
    capability: str
    target: str
    intent: Mapping[str, Any]
    why: str
    changes: tuple[Change, ...]
    hazards: tuple[str, ...]
    verdict: str
    """SHARE, HOLD or ESCALATE: whether an apply would go ahead or wait for people."""
    reason: str
    changes_digest: str
    trace: str
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    def review(self) -> str:
        """The plan in lines of text, hidden characters visible: for a person to read before it is applied."""
        lines = [f"{self.capability.rpartition('/')[2]} on {self.target}"]
        for change in self.changes:
            lines.append(f"  ~ {change.id} {change.effect}: {_shown(change.before)} → {_shown(change.after)}")
        if self.empty:
            lines.append("  nothing to do: the state is as wanted")
        if self.hazards:
            lines.append(f"hazards: {', '.join(visible(hazard) for hazard in self.hazards)}")
        lines.append(f"decision: {self.verdict}: {visible(self.reason, 500)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Action:
    """What became of an action."""

    id: str
    outcome: str
    """`converged`, `done`, `undone`, `settling`, `dry_run`; `waiting` where people have to agree first."""
    capability: str
    target: str
    trace: str
    receipt: bytes | None
    """The proof, verified by this client unless it was told not to; None while the action is not over."""
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def waiting(self) -> bool:
        """Whether people have to agree before anything is written."""
        return self.outcome == "waiting"


def plan_of(shape: Mapping[str, Any], intent: Mapping[str, Any], why: str) -> Plan:
    """A plan out of a report."""
    found = shape.get("plan") or {}
    decision = shape.get("decision") or {}
    changes = tuple(
        Change(one["id"], one["effect"], one.get("before"), one.get("after")) for one in found.get("changes", ())
    )
    return Plan(
        action=shape["action"],
        capability=shape["capability"],
        target=shape["target"],
        intent=dict(intent),
        why=why,
        changes=changes,
        hazards=tuple(shape.get("hazards", ())),
        verdict=decision.get("verdict", ""),
        reason=decision.get("reason", ""),
        changes_digest=shape.get("changes_digest", ""),
        trace=shape.get("trace", ""),
        raw=shape,
    )


def action_of(shape: Mapping[str, Any], receipt: bytes | None) -> Action:
    """An action out of a report."""
    return Action(
        id=shape["action"],
        outcome=shape["outcome"],
        capability=shape.get("capability", ""),
        target=shape.get("target", ""),
        trace=shape.get("trace", ""),
        receipt=receipt,
        raw=shape,
    )


def _shown(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False), _CAP)
