"""The timeline: what was done and what was changed, newest first, one row a thing.

An action is one row, at the time when it was asked for: who wanted what where, what was decided, how it ended. Every
other entry that says something by itself is a row of its own: records that operators set, adapters, breakers, stops,
messages, the kernel's own comings and goings. Entries are checked against the signed root before they are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.entry_view import summary
from infrafabric.kernel.words.entries import Kind
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from infrafabric.witness.query import Found
    from infrafabric.witness.reading import LogReading

__all__ = ["Page", "Sought", "timeline"]

SCANNED = 2_000
"""Entries that are looked at for one page: beyond them the page ends early, and the next goes on there."""
_STEP = 200
_OF_AN_ACTION = frozenset(
    {
        Kind.ACTION_REFUSED,
        Kind.ACTION_PLANNED,
        Kind.ACTION_DECIDED,
        Kind.ACTION_CLOSED,
        Kind.ACTION_CANCELLED,
        Kind.APPROVAL_GIVEN,
        Kind.APPROVAL_REFUSED,
        Kind.APPROVAL_EXPIRED,
        Kind.EFFECT_INTENDED,
        Kind.EFFECT_OBSERVED,
        Kind.PLAN_FALSIFIED,
        Kind.SECRET_USED,
        Kind.COUNTER_FLUSHED,
    }
)
"""Told in their action's row, or of nobody."""
_HEADS = tuple(kind.value for kind in Kind if kind not in _OF_AN_ACTION)
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Sought:
    """Which rows; what is empty does not matter. Names are full ids, times Unix milliseconds."""

    talent: str | None = None
    """Who asked, or whom a record is about."""
    capability: str | None = None
    target: str | None = None
    trace: str | None = None
    since: int | None = None
    until: int | None = None
    verdict: str = ""
    outcome: str = ""
    """Of actions alone, `waiting` and `open` for those that have not ended."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The kinds of entries that make rows."""
        return (Kind.ACTION_RECEIVED.value,) if self.verdict or self.outcome else _HEADS

    def takes(self, row: Mapping[str, Any]) -> bool:
        return (not self.verdict or row["verdict"] == self.verdict) and (
            not self.outcome or row["outcome"] == self.outcome
        )


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[dict[str, Any]]
    next: int | None
    """Index before which the next page begins; None where there is none."""


def timeline(reading: LogReading, tenant: str, sought: Sought, limit: int, before: int | None = None) -> Page:
    """At most `limit` rows of `tenant`, from below index `before` on. Raises IF_ERR_LOG_DAMAGED. Takes a while: for a
    thread of its own, with a reading `apart`."""
    rows: list[dict[str, Any]] = []
    position, left = before, SCANNED
    while left > 0:
        step = min(_STEP, left)
        found = reading.find(
            Query(
                kinds=sought.heads,
                talent=sought.talent,
                capability=sought.capability,
                target=sought.target,
                trace=sought.trace,
                since=sought.since,
                until=sought.until,
                before=position,
                limit=step,
            )
        )
        for head in found:
            position = head.index
            row = _row(reading, head, tenant)
            if row is not None and sought.takes(row):
                rows.append(row)
                if len(rows) == limit:
                    return Page(rows, position)
        if len(found) < step:
            return Page(rows, None)
        left -= step
    return Page(rows, position)


def _row(reading: LogReading, head: Found, tenant: str) -> dict[str, Any] | None:
    """None for another tenant's, and for what was erased: nobody knows whose that was."""
    if head.body is None or head.body.get("tenant") != tenant:
        return None
    if head.kind == Kind.ACTION_RECEIVED:
        return _action(head, head.body, reading.find(Query(action=head.action, limit=1_000)))
    body = head.body
    return {
        "type": "record",
        "index": head.index,
        "at": head.at,
        "kind": head.kind,
        "what": summary(head.kind, dict(body)),
        "talent": body.get("talent", ""),
        "capability": body.get("capability", ""),
        "target": body.get("target", ""),
        "trace": body.get("trace", ""),
        "why": body.get("why", ""),
        "entry": f"/v1/log/entries/{head.index}",
    }


def _action(head: Found, asked: Mapping[str, Any], entries: Sequence[Found]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "type": "action",
        "index": head.index,
        "at": head.at,
        "action": head.action,
        "purpose": asked["purpose"],
        "talent": asked["talent"],
        "capability": asked["capability"],
        "target": asked["target"],
        "trace": asked["trace"],
        "why": asked["why"],
        "undoes": asked.get("undoes", ""),
        "verdict": "",
        "reason": "",
        "hazards": [],
        "outcome": "open",
        "code": "",
        "message": "",
        "cost": None,
        "approvers": [],
        "waited_s": None,
        "took_s": None,
        "expires": "",
        "receipt": f"/v1/actions/{head.action}/receipt",
    }
    waits = ""
    for entry in reversed(entries):
        body = entry.body
        if body is None:
            continue
        match entry.kind:
            case Kind.ACTION_PLANNED:
                row["hazards"] = list(body["hazards"])
            case Kind.ACTION_DECIDED:
                decision, pending = body["decision"], body.get("pending")
                row["verdict"], row["reason"] = decision["verdict"], decision["reason"]
                row["outcome"] = "waiting" if pending is not None else "open"
                row["expires"] = pending["expires"] if pending is not None else ""
                waits = waits or (entry.at if pending is not None else "")
                row["cost"] = _cost(body.get("reserved")) or row["cost"]
            case Kind.APPROVAL_GIVEN | Kind.APPROVAL_REFUSED | Kind.APPROVAL_EXPIRED:
                if body.get("approver"):
                    row["approvers"].append(body["approver"])
                if waits:
                    row["waited_s"] = _seconds(waits, entry.at)
            case Kind.ACTION_CLOSED | Kind.ACTION_REFUSED:
                row["outcome"] = body.get("outcome", "refused")
                row["code"], row["message"] = body.get("code", ""), body.get("message", "")
                row["took_s"] = _seconds(head.at, entry.at)
                row["cost"] = _cost(body.get("spent"))
                row["expires"] = ""
            case _:
                pass
    return row


def _cost(spending: Mapping[str, Any] | None) -> dict[str, str] | None:
    """An amount of money, in decimal; None where none was spent."""
    if not spending or not spending.get("money"):
        return None
    whole, rest = divmod(spending["money"], _MICRO)
    return {"currency": spending["currency"], "amount": f"{whole}.{rest:06d}".rstrip("0").rstrip(".")}


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
