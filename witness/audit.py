"""Reading every stored byte again: leaves to hashes, hashes to the tree, the tree to its signed checkpoint, bodies to
their commitments, sequence numbers without gaps, facts to the fold of what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Project
from infrafabric.kernel.words.entries import Kind
from infrafabric.witness.checkpoint import SignedCheckpoint
from infrafabric.witness.facts import fold, words
from infrafabric.witness.leaf import Leaf, pseudonym
from infrafabric.witness.merkle import Frontier
from infrafabric.witness.startup import check_row
from infrafabric.witness.store import Reader, Row, StoreDamaged

__all__ = ["Report", "audit"]

_STEP = 256
"""Leaves in a tile: nodes are compared tile by tile."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found: `problem` is empty where all is well, else it tells of the first damage."""

    size: int
    root: bytes
    bodies: int
    """Bodies that are present and were checked."""
    erased: int
    first_bad: int | None = None
    """Index of the first entry that is not what was logged; None where the fault is in no one entry."""
    problem: str = ""

    def check(self) -> Report:
        """Itself. Raises IF_ERR_LOG_DAMAGED when there is a problem."""
        if self.problem:
            raise FabricError(Code.LOG_DAMAGED, self.problem)
        return self


class _Damage(Exception):
    def __init__(self, index: int | None, problem: str) -> None:
        super().__init__(problem)
        self.index = index


def audit(
    reader: Reader, head: SignedCheckpoint, project: Project | None = None, pseudonym_key: bytes | None = None
) -> Report:
    """Check all that the store holds below the verified checkpoint `head`.

    With `project`, facts are compared too; with the pseudonym key, names of actors. Takes about 20 us an entry.
    """
    walk = _Walk(reader, head, pseudonym_key)
    try:
        walk.entries()
        if project is not None:
            _compare_facts(reader, head.size, project)
    except _Damage as damage:
        return Report(head.size, head.root, walk.bodies, walk.erased, damage.index, str(damage))
    except (FabricError, StoreDamaged) as error:
        problem = error.message if isinstance(error, FabricError) else f"the log cannot be read: {error}"
        return Report(head.size, head.root, walk.bodies, walk.erased, walk.number, problem)
    return Report(head.size, head.root, walk.bodies, walk.erased)


class _Walk:
    def __init__(self, reader: Reader, head: SignedCheckpoint, pseudonym_key: bytes | None) -> None:
        self._reader, self._head, self._key = reader, head, pseudonym_key
        self._sequence: dict[str, int] = {}
        self._last_at = ""
        self._pseudonyms: dict[str, str] = {}
        self.bodies = self.erased = 0
        self.number: int | None = 0

    def entries(self) -> None:
        frontier = Frontier()
        for start in range(0, self._head.size, _STEP):
            stop = min(start + _STEP, self._head.size)
            growth = frontier.grow(list(self._hashes(start, stop)))
            frontier = growth.frontier
            for level, index, hash_ in growth.tiles:
                if list(self._reader.hashes(level, index, index + 1)) != [hash_]:
                    raise _Damage(index << level, f"the node over entries {index << level} and on is not their hash")
        self.number = None
        if frontier.root != self._head.root:
            raise _Damage(None, "the stored leaves do not lead to the signed root")
        for actor, last in self._sequence.items():
            if self._reader.sequence(actor) != last:
                raise _Damage(None, f"the kept sequence number of {actor} is not that of its last entry, {last}")

    def _hashes(self, start: int, stop: int) -> Iterator[bytes]:
        expected = start
        for row in self._reader.rows(start, stop):
            if row.number != expected:
                break
            self.number = row.number
            leaf = check_row(row)
            self._follow(row, leaf)
            self._body(row, leaf)
            yield row.hash
            expected += 1
        if expected != stop:
            raise _Damage(expected, f"entry {expected} is missing")

    def _follow(self, row: Row, leaf: Leaf) -> None:
        if leaf.at < self._last_at:
            raise _Damage(row.number, f"entry {row.number} is dated before the one ahead of it")
        self._last_at = leaf.at
        if row.kind == Kind.ORIGIN_OPENED:  # numbers count per origin and actor
            self._sequence.clear()
        expected = self._sequence.get(leaf.actor, 0) + 1
        if leaf.seq != expected:
            raise _Damage(row.number, f"entry {row.number} has number {leaf.seq} of its actor where {expected} is due")
        self._sequence[leaf.actor] = leaf.seq

    def _body(self, row: Row, leaf: Leaf) -> None:
        columns = (row.trace, row.talent, row.target, row.capability, row.actor)
        if row.body is None:
            self.erased += 1
            if any(column is not None for column in columns):
                raise _Damage(row.number, f"entry {row.number} was erased and still says whose it was")
            return
        self.bodies += 1
        if row.actor is None or columns != _words(row.body, row.actor):
            raise _Damage(row.number, f"entry {row.number} is filed under words that its body does not hold")
        if self._key is not None:
            name = self._pseudonyms.get(row.actor)
            if name is None:
                name = self._pseudonyms[row.actor] = pseudonym(self._key, row.actor)
            if name != leaf.actor:
                raise _Damage(row.number, f"entry {row.number} is filed under another actor than its leaf's")


def _words(body: bytes, actor: str) -> tuple[str, str, str, str, str] | None:
    try:
        return words(orjson.loads(body), actor)
    except (ValueError, LookupError, TypeError, AttributeError):  # no body that this log ever wrote
        return None


def _compare_facts(reader: Reader, size: int, project: Project) -> None:
    """Facts move with the log: only where it stood still meanwhile does a difference mean damage."""
    stored = list(reader.all_facts())
    state = reader.state()
    if state is None or state.size != size:
        return
    expected = fold(reader.rows(0, size), reader.erased_keys, project)
    for wanted, found in zip(expected, stored, strict=False):
        if wanted != found:
            raise _Damage(
                wanted.source, f"the fact {wanted.table} {wanted.key!r} is not what entry {wanted.source} set"
            )
    if len(expected) != len(stored):
        raise _Damage(None, f"the log's entries give {len(expected)} facts, {len(stored)} are stored")
