"""Questions to people: each ends once, by an answer, by its time, or by giving way to a newer one of the same talent.

An action under `Questions.answering` is not ended by anyone else; whoever ends questions holds `Questions.lock` from
looking at them until the log has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from infrafabric.kernel.approving import giving_way
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.ports import Entry, Facts, Sourced
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import KERNEL

if TYPE_CHECKING:
    from infrafabric.kernel.parts import Parts

__all__ = ["Questions", "common_of", "displacing", "end_waiting", "expire", "expire_one", "source_of"]


class Questions:
    """Which questions are being answered now. For one event loop."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.held: set[str] = set()

    @asynccontextmanager
    async def answering(self, action: str) -> AsyncIterator[None]:
        """While it lasts, nobody else ends `action`. The kernel sees to it that one answers at a time."""
        async with self.lock:
            self.held.add(action)
        try:
            yield
        finally:
            self.held.discard(action)


class _Recorded(Protocol):
    """As much of a log as telling what it holds takes."""

    @property
    def facts(self) -> Facts: ...

    def entries(self, action: str) -> Sequence[tuple[int, Kind, Mapping[str, Any] | None]]: ...


def source_of(log: _Recorded, action: str) -> Sourced | None:
    """An action of the log as a second source for a plan that waits; None where it is none, or there is none."""
    fact = log.facts.get("action", action)
    return History.of(action, log.entries(action)).source(fact["at"]) if fact is not None else None


async def expire(parts: Parts) -> list[str]:
    """End the questions that nobody answered in time; their actions. Raises what the log raises."""
    questions, ended = parts.questions, []
    async with questions.lock:
        for action, fact in parts.log.facts.scan("pending"):
            if action in questions.held or not parts.approvals.overdue(fact["pending"]["expires"]):
                continue
            await expire_one(parts, History.of(action, parts.log.entries(action)))
            ended.append(action)
    return ended


async def expire_one(parts: Parts, history: History) -> None:
    """End a question whose time is over: its own, or with it that of the ask. The caller holds the lock, or answers
    the action."""
    expires, received = history.asked.pending.expires, history.received
    late = received is not None and received.deadline == expires
    before = f"{expires}, the deadline that came with the ask" if late else expires
    code = Code.DEADLINE if late else Code.APPROVAL_EXPIRED
    error = FabricError(code, f"too few agreed to {history.action} before {before}")
    await parts.log.append(*_ended(history, error, "time"))


def displacing(parts: Parts, talent: str) -> list[Entry]:
    """What ends the talent's oldest questions where it has too many to ask one more. The caller holds the lock and
    appends them together with the new question."""
    rows = parts.log.facts.scan("pending")
    entries: list[Entry] = []
    most = parts.limits.open_per_talent
    for action in giving_way(rows, talent, most, parts.questions.held):
        error = FabricError(Code.APPROVAL_EXPIRED, f"{talent} asked on, so {action} gave way: at most {most} wait")
        entries += _ended(History.of(action, parts.log.entries(action)), error, "displaced")
    return entries


async def end_waiting(parts: Parts, history: History, error: FabricError, *before: Entry, actor: str = KERNEL) -> None:
    """End an action that waits, as refused for `error`; `before` goes into the same transaction.

    The caller holds `Questions.lock`, or answers the action.
    """
    entry = Entry(Kind.ACTION_REFUSED, _refused(history, error), history.action, actor)
    await parts.log.append(*before, entry)


def _refused(history: History, error: FabricError) -> e.ActionRefused:
    """The refusal of an action that waited. Its idempotency key is free again where the same ask may succeed later."""
    received = history.received
    assert received is not None
    return e.ActionRefused(
        **common_of(history),
        station="approve",
        code=error.code.value,
        message=error.message,
        capability=received.capability,
        undoes=received.undoes,
        idempotency_key=received.idempotency_key if error.spec.retryable else "",
    )


def common_of(history: History) -> dict[str, Any]:
    """The members that every body of a recorded action has."""
    received = history.received
    assert received is not None
    return {
        "tenant": received.tenant,
        "talent": received.talent,
        "target": received.target,
        "trace": received.trace,
    }


def _ended(history: History, error: FabricError, cause: Literal["time", "displaced"]) -> list[Entry]:
    expired = e.ApprovalExpired(**common_of(history), nonce=history.asked.pending.nonce, cause=cause)
    return [
        Entry(Kind.APPROVAL_EXPIRED, expired, history.action),
        Entry(Kind.ACTION_REFUSED, _refused(history, error), history.action),
    ]
