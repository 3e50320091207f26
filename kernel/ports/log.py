"""The log as the kernel sees it: entries, and the facts that they amount to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from infrafabric.kernel.words.entries import Body, Fact, Kind

__all__ = ["Appended", "Entry", "Facts", "Log", "Project"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded. The log adds index, time, sequence number, nonce and salt."""

    kind: Kind
    body: Body
    action: str = ""
    """uuidv7 of the action, or "" for entries that belong to none."""
    actor: str = "if://kernel/self"
    """Talent id; only its keyed pseudonym is in the leaf."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry now durably is."""

    index: int
    at: str
    tree_size: int
    """Size of the signed checkpoint that covers it."""


Project = Callable[[Entry, int, str], Iterable[Fact]]
"""The fold: an entry with its index and time → the facts it sets. Pure; run inside the append's transaction."""


class Facts(Protocol):
    """The log's fold, as JSON values under (table, key). Reads see every entry whose append was awaited."""

    def get(self, table: str, key: str) -> Any | None: ...

    def stored(self, table: str, key: str) -> bytes | None:
        """The same as canonical JSON: equal bytes as long as the fact stands unchanged."""
        ...

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        """Pairs (key, value) in order of key."""
        ...


class Log(Protocol):
    @property
    def origin(self) -> str: ...

    @property
    def facts(self) -> Facts: ...

    async def append(self, *entries: Entry) -> Sequence[Appended]:
        """Record entries in one transaction, in order; returns when they are durable and under a signed checkpoint.

        Cancelling the caller does not take the entries back. Raises IF_ERR_LOG_STOPPED, IF_ERR_LOG_CLOCK,
        IF_ERR_DISK_FULL; entries that close what is under way (`effect.observed`, `action.closed`) use room kept back.
        """
        ...

    def entries(self, action: str) -> Sequence[tuple[int, Kind, Mapping[str, Any] | None]]:
        """Index, kind and body (None: erased) of an action's entries, in order. Reads and checks stored bytes."""
        ...

    async def receipt(self, action: str) -> bytes:
        """The receipt of an action: its entries opened, an inclusion proof each, one checkpoint (JSON bytes)."""
        ...

    def watch(self) -> AsyncIterator[tuple[int, Entry]]:
        """Entries as they become durable."""
        ...
