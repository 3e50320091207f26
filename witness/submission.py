"""What is handed to the writer: entries with the bytes that are stored of them, gathered into transactions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import BODIES, Body
from infrafabric.witness.facts import body_bytes, members_of, words
from infrafabric.witness.leaf import ACTION
from infrafabric.witness.limits import CLOSING, Limits

__all__ = ["Submission", "batches", "submission_of"]

T = TypeVar("T")
ROW_BYTES = 256
"""What an entry takes beside its body: leaf, salt, columns."""


@dataclass(slots=True, eq=False)
class Submission:
    """Entries that go in together or not at all, with their bodies as they are stored and their body columns."""

    entries: tuple[Entry, ...]
    bodies: tuple[bytes, ...]
    columns: tuple[tuple[str, str, str, str, str], ...]
    prove: bool = False
    erases: int | None = None
    """The body to take away in the same transaction."""

    @property
    def closing(self) -> bool:
        return all(entry.kind in CLOSING for entry in self.entries)

    @property
    def size(self) -> int:
        """Bytes that it holds up while it waits."""
        return sum(map(len, self.bodies)) + ROW_BYTES * len(self.bodies)


def submission_of(entries: tuple[Entry, ...], most: int) -> Submission:
    """Serialize the entries' bodies, each of at most `most` bytes.

    Raises IF_ERR_TOO_LARGE, IF_ERR_JSON_INVALID, IF_ERR_NAME_INVALID for an action that is none.
    """
    bodies: list[bytes] = []
    columns: list[tuple[str, str, str, str, str]] = []
    for entry in entries:
        if not isinstance(entry.body, BODIES.get(entry.kind, Body)):
            raise FabricError(Code.INTERNAL, f"a body of {type(entry.body).__name__} for an entry {entry.kind}")
        if ACTION.fullmatch(entry.action) is None:
            raise FabricError(Code.NAME_INVALID, f"{entry.action[:60]!r} is no action id; one is a lower-case uuid")
        members = members_of(entry.body)
        body = body_bytes(members)
        if len(body) > most:
            raise FabricError(Code.TOO_LARGE, f"the body of {entry.kind} is {len(body)} bytes; {most} are taken")
        bodies.append(body)
        columns.append(words(members, entry.actor))
    return Submission(entries, tuple(bodies), tuple(columns))


def batches(waiting: Sequence[tuple[Submission, T]], limits: Limits) -> Sequence[list[tuple[Submission, T]]]:
    """The submissions in order, cut into transactions of bounded size; none is cut itself."""
    cut: list[list[tuple[Submission, T]]] = [[]]
    entries = size = 0
    for item in waiting:
        submission = item[0]
        count, more = len(submission.entries), submission.size
        full = entries + count > limits.batch_entries or size + more > limits.batch_bytes
        if cut[-1] and full:
            cut.append([])
            entries = size = 0
        cut[-1].append(item)
        entries += count
        size += more
    return cut
