"""Rows of the timeline."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from infrafabric.kernel.words.entries import Kind

__all__ = ["ActionRow", "Amount", "RecordRow", "Timeline"]


class Amount(BaseModel):
    currency: str
    amount: str
    """Decimal."""


class ActionRow(BaseModel):
    """One action, at the time when it was asked for."""

    type: Literal["action"]
    index: int
    at: str
    action: str
    purpose: Literal["plan", "apply", "dry_run", "undo"]
    talent: str
    capability: str
    target: str
    trace: str
    why: str
    undoes: str
    verdict: Literal["", "SHARE", "HOLD", "ESCALATE", "DENY"]
    reason: str
    hazards: list[str]
    outcome: str
    """As in reports; `open` while it is on its way, or in doubt."""
    code: str
    message: str
    cost: Amount | None
    approvers: list[str]
    waited_s: float | None
    """Seconds from the question to people to the last answer."""
    took_s: float | None
    """Seconds from the ask to its end."""
    expires: str
    """When the question to people expires, while it waits."""
    receipt: str


class RecordRow(BaseModel):
    """Any other entry that says something by itself."""

    type: Literal["record"]
    index: int
    at: str
    kind: Kind
    what: str
    talent: str
    capability: str
    target: str
    trace: str
    why: str
    entry: str


class Timeline(BaseModel):
    timeline: list[ActionRow | RecordRow]
    next: str | None
    """Cursor to the page of what was before, None where there is nothing. A page may hold fewer rows than asked for."""
