"""Every limit of the log, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from infrafabric.kernel.words.entries import Kind

__all__ = ["CLOSING", "Limits"]

CLOSING = frozenset({Kind.EFFECT_OBSERVED, Kind.ACTION_CANCELLED, Kind.ACTION_CLOSED, Kind.KERNEL_STOPPED})
"""Kinds that end what is under way: taken also when new work is refused."""


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = 1 << 20
    """Larger content is referred to by digest: proofs are about it all the same."""
    batch_entries: int = 4096
    """In one transaction: beyond that a longer wait buys no throughput."""
    batch_bytes: int = 8 << 20
    """The same, so that one commit of large bodies does not hold up the small ones behind it."""
    pending_bytes: int = 64 << 20
    """Waiting to be written. Beyond it the disk is too slow for the callers, who are told so."""
    clock_back_s: float = 5.0
    """Small steps back are what time daemons do; more than that is a wrong clock."""
    clock_ahead_s: float = 30 * 86400
    """A machine that lay idle for weeks is usual; more is a date that a person confirms, once."""
    disk_reserve_bytes: int = 64 << 20
    """No new work below it: the WAL may grow to that size before it is copied and used again."""
    tail_entries: int = 256
    """Read again at start: what a torn write can have hit."""
    found_entries: int = 1000
    """Of one query."""
