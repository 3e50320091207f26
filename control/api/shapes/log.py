"""Entries of the log and what proves them, as `ifctl witness … --json` gives them."""

from __future__ import annotations

from typing import Any

from infrafabric.control.api.shapes.common import Shape

__all__ = ["Checkpoint", "Entries", "Entry", "EntriesOfAction", "Vkey"]


class EntryRow(Shape):
    """An entry that was found, newest first."""

    index: int
    at: str
    kind: str
    action: str
    body: dict[str, Any] | None
    erased: bool


class Entries(Shape):
    entries: list[EntryRow]
    next: str | None
    """Cursor to the page of older ones; a page may be short and yet have one."""


class Entry(Shape):
    """An entry whole: its leaf, as it was hashed, and its body."""

    index: int
    leaf: dict[str, Any]
    body: dict[str, Any] | None
    erased: bool


class EntriesOfAction(Shape):
    entries: list[Entry]


class Checkpoint(Shape):
    size: int
    checkpoint: str
    """A signed note (c2sp.org/tlog-checkpoint)."""


class Vkey(Shape):
    origin: str
    vkey: str
    """The line that verifiers are given."""
    vkeys: list[str]
    """With those that the log had before under its origin."""
