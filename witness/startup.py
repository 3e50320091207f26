"""What a log is checked for before it takes entries: that it is whole at its end, and not older than it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind, OriginOpened
from infrafabric.witness.checkpoint import SignedCheckpoint, open_checkpoint
from infrafabric.witness.facts import decode
from infrafabric.witness.leaf import Leaf, parse_at
from infrafabric.witness.limits import Limits
from infrafabric.witness.merkle import Frontier, leaf_hash
from infrafabric.witness.note import Verifier
from infrafabric.witness.proofs import Tree
from infrafabric.witness.slots import Slots
from infrafabric.witness.store import Reader, Row, StoreDamaged

__all__ = ["Start", "check_row", "examine", "open_state"]


@dataclass(frozen=True, slots=True)
class Start:
    """Where the log stands when it is opened."""

    origin: str
    frontier: Frontier
    head: SignedCheckpoint | None
    last_at: int
    """Unix milliseconds of the last entry, 0 where there is none."""
    stopped: FabricError | None
    """Why it takes no entries."""


def examine(reader: Reader, slots: Slots, origin: str, keys: Sequence[bytes], limits: Limits) -> Start:
    """Check the store against its own signed checkpoint and against the one kept beside it, each by one of the public
    `keys` at least.

    The end of the log is read again and hashed; `audit` does so for all of it. What is found is not raised but told in
    `stopped` (IF_ERR_LOG_DAMAGED, IF_ERR_LOG_ROLLED_BACK), so that reading stays possible.
    """
    stopped: FabricError | None = None
    head: SignedCheckpoint | None = None
    frontier, last_at = Frontier(), 0
    try:
        head = open_state(reader, keys)
        if head is not None:
            origin = head.origin
            frontier, last_at = _check_tail(reader, head, limits)
        elif reader.count():
            raise FabricError(Code.LOG_DAMAGED, "the log holds entries and no checkpoint")
    except (FabricError, StoreDamaged) as error:
        stopped = error if isinstance(error, FabricError) else FabricError(Code.LOG_DAMAGED, str(error))
    else:
        stopped = _rolled_back(reader, slots, head, origin, keys)
    return Start(origin, frontier, head, last_at, stopped)


def open_state(reader: Reader, keys: Sequence[bytes]) -> SignedCheckpoint | None:
    """The store's latest checkpoint, verified by the log's public keys; None while the log is empty.

    Raises IF_ERR_LOG_DAMAGED.
    """
    state = reader.state()
    if state is None:
        return None
    try:
        head = open_checkpoint(state.note, [Verifier(state.origin, key) for key in keys])
    except FabricError as error:
        raise FabricError(Code.LOG_DAMAGED, f"the stored checkpoint: {error.message}") from None
    if (head.origin, head.size) != (state.origin, state.size):
        raise FabricError(Code.LOG_DAMAGED, "the stored checkpoint is not the one that the store says it is")
    return head


def check_row(row: Row) -> Leaf:
    """The leaf of a stored entry, after its hash, its body's commitment and its columns were found to fit.

    Raises IF_ERR_LOG_DAMAGED.
    """
    problem = ""
    try:
        leaf = Leaf.parse(row.leaf)
    except FabricError:
        raise FabricError(Code.LOG_DAMAGED, f"entry {row.number}: its leaf is malformed") from None
    if leaf_hash(row.leaf) != row.hash:
        problem = "its leaf is not the one that was hashed"
    elif (leaf.kind, leaf.action) != (row.kind, row.action):
        problem = "its kind or action is not the leaf's"
    elif isinstance(row.body, bytes) and isinstance(row.salt, bytes):
        if not leaf.commits_to(row.salt, row.body):
            problem = "its body is not the one that was committed to"
    elif row.body is not None or row.salt is not None:
        problem = "its body or its salt is missing"
    if problem:
        raise FabricError(Code.LOG_DAMAGED, f"entry {row.number}: {problem}")
    return leaf


def _check_tail(reader: Reader, head: SignedCheckpoint, limits: Limits) -> tuple[Frontier, int]:
    size = head.size
    if reader.count() != size:
        raise FabricError(Code.LOG_DAMAGED, f"the log holds {reader.count()} entries, its checkpoint is of {size}")
    frontier = Tree(reader).frontier(size)
    if frontier.root != head.root:
        raise FabricError(Code.LOG_DAMAGED, f"the stored hashes do not lead to the checkpoint of size {size}")
    first = max(0, size - limits.tail_entries)
    last_at = 0
    expected = first
    for row in reader.rows(first, size):
        if row.number != expected:
            raise FabricError(Code.LOG_DAMAGED, f"entry {expected} is missing")
        last_at = parse_at(check_row(row).at)
        expected += 1
    return frontier, last_at


def _rolled_back(
    reader: Reader, slots: Slots, head: SignedCheckpoint | None, origin: str, keys: Sequence[bytes]
) -> FabricError | None:
    try:
        note = slots.read()
    except FabricError as error:
        return error
    if note is None:
        if head is None:
            return None
        return FabricError(Code.LOG_ROLLED_BACK, f"no checkpoint is kept beside the log of {head.size} entries")
    try:
        kept = open_checkpoint(note, [Verifier(origin, key) for key in keys])
    except FabricError as error:
        if head is not None and _follows(reader, head, note):
            return None
        return FabricError(
            Code.LOG_ROLLED_BACK, f"the checkpoint kept beside the log is not this log's: {error.message}"
        )
    size = 0 if head is None else head.size
    if kept.size > size:
        return FabricError(Code.LOG_ROLLED_BACK, f"the log has {size} entries and had {kept.size}")
    try:
        same = Tree(reader).root(kept.size) == kept.root
    except FabricError as error:
        return error
    if not same:
        return FabricError(Code.LOG_ROLLED_BACK, f"the first {kept.size} entries are not those that were checkpointed")
    return None


def _follows(reader: Reader, head: SignedCheckpoint, note: str) -> bool:
    """Whether the log's last entry opened its origin after the checkpoint `note` of another.

    The kernel died between that commit and the slot that was due.
    """
    row = reader.row(head.size - 1)
    entry = decode(row) if row is not None and row.kind == Kind.ORIGIN_OPENED else None
    body = entry.body if entry is not None else None
    return isinstance(body, OriginOpened) and body.origin == head.origin and body.checkpoint == note != ""
