"""Asking a log: entries, proofs, receipts, checkpoints. Nothing is written, so any process may do it at any time.

Whatever is answered about an entry was read from the store, hashed, and followed up to the signed root.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts, Project
from infrafabric.kernel.words.entries import Kind, LogRekeyed
from infrafabric.witness import anchor, audit, query, receipt, tiles, tlog_proof
from infrafabric.witness.checkpoint import SignedCheckpoint, open_checkpoint
from infrafabric.witness.facts import StoreFacts
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.limits import Limits
from infrafabric.witness.merkle import verify_inclusion
from infrafabric.witness.note import Verifier
from infrafabric.witness.proofs import Tree
from infrafabric.witness.sqlite_reader import SqliteReader
from infrafabric.witness.startup import check_row, open_state
from infrafabric.witness.store import Query, Reader, Row, StoreDamaged

__all__ = ["LogReading", "Stored"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it lies in the store, checked against the signed root. `body` and `salt` are None once erased."""

    index: int
    leaf: bytes
    body: bytes | None
    salt: bytes | None

    @property
    def parsed(self) -> Leaf:
        return Leaf.parse(self.leaf)


class LogReading:
    """A log that is only read. `publics` are the log's keys, the newest last: two where one takes over from the other.

    `readers` makes a reader for the thread that calls it.
    """

    def __init__(
        self,
        readers: Callable[[], Reader],
        *publics: bytes,
        development: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._readers = readers
        self._publics = publics
        self._development = development
        self._limits = limits if limits is not None else Limits()
        self._reader = readers()
        self._tree = Tree(self._reader)
        self._seen: SignedCheckpoint | None = None
        self._facts = StoreFacts(lambda: self._reader)

    @classmethod
    def at(cls, path: Path, *publics: bytes, development: bool = False, limits: Limits | None = None) -> LogReading:
        """The log in the SQLite file `path`, also while a kernel writes it.

        Raises IF_ERR_HOME_MISSING, IF_ERR_LOG_DAMAGED.
        """
        return cls(lambda: SqliteReader(path), *publics, development=development, limits=limits)

    # --- the whole

    @property
    def facts(self) -> Facts:
        return self._facts

    @property
    def head(self) -> SignedCheckpoint:
        """The latest checkpoint, verified. Raises IF_ERR_ENTRY_UNKNOWN while the log is empty, IF_ERR_LOG_DAMAGED."""
        try:
            state = self._reader.state()
            if state is not None and self._seen is not None and state.note == self._seen.note:
                return self._seen
            self._seen = open_state(self._reader, self._publics)
        except StoreDamaged as error:
            raise FabricError(Code.LOG_DAMAGED, f"the log cannot be read: {error}") from error
        if self._seen is None:
            raise FabricError(Code.ENTRY_UNKNOWN, "the log is empty")
        return self._seen

    @property
    def origin(self) -> str:
        return self.head.origin

    @property
    def size(self) -> int:
        return self.head.size

    @property
    def signing(self) -> tuple[Verifier, ...]:
        """The keys that sign the log now, the newest last: two while one takes over from the other."""
        head = self.head
        return tuple(Verifier(head.origin, public) for public in self._publics if public in head.keys)

    @property
    def vkey(self) -> str:
        """The line that verifiers are given: that of the newest key."""
        return str(self.signing[-1])

    def rekeyings(self) -> Sequence[LogRekeyed]:
        """What the log says of changes of its key under its origin, the newest first. Raises IF_ERR_LOG_DAMAGED."""
        found = self.find(Query(kind=Kind.LOG_REKEYED.value, limit=self._limits.found_entries))
        bodies = [LogRekeyed.model_validate(entry.body) for entry in found if entry.body is not None]
        return [body for body in bodies if body.origin == self.origin]

    def verifiers(self) -> Sequence[Verifier]:
        """Every key that signs this log under its present origin or did so, as its entries name them."""
        named = [Verifier.parse(vkey) for body in self.rekeyings() for vkey in (body.vkey, body.former)]
        return list(dict.fromkeys([*self.signing, *named]))

    def checkpoint(self) -> str:
        """The latest signed note."""
        return self.head.note

    # --- proofs

    def inclusion(self, index: int) -> Sequence[bytes]:
        """Inclusion proof of an entry in the latest checkpoint's tree. Raises IF_ERR_ENTRY_UNKNOWN."""
        return self._guarded(lambda: self._tree.inclusion(index, self.head.size))

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Proof that the tree of `new` entries begins with the tree of `old`.

        Raises IF_ERR_ENTRY_UNKNOWN for a size that the log has not reached, IF_ERR_USAGE unless 0 < old <= new.
        """
        size = self.head.size
        if new > size:
            raise FabricError(Code.ENTRY_UNKNOWN, f"the log has {size} entries, not {new}")
        return self._guarded(lambda: self._tree.consistency(old, new))

    def tlog_proof(self, index: int) -> str:
        """The proof of one entry as a `tlog-proof` file, its leaf in the `extra` line."""
        head = self.head
        stored = self.entry(index)
        return tlog_proof.TlogProof(index, tuple(self.inclusion(index)), head.note, stored.leaf).encode()

    def tile(self, level: int | None, index: int, width: int) -> bytes | None:
        """A static file of the log; see `tiles.read_tile`."""
        size = self.head.size
        return self._guarded(lambda: tiles.read_tile(self._reader, size, level, index, width))

    # --- entries

    def entry(self, index: int) -> Stored:
        """Raises IF_ERR_ENTRY_UNKNOWN, IF_ERR_LOG_DAMAGED."""
        head = self.head
        row = self._guarded(lambda: self._reader.row(index)) if 0 <= index < head.size else None
        if row is None:
            raise FabricError(Code.ENTRY_UNKNOWN, f"entry {index} is not in the log of size {head.size}")
        self._prove(row, head)
        return Stored(row.number, row.leaf, row.body, row.salt)

    def span(self, start: int, stop: int) -> Sequence[Row]:
        """The entries from index `start` to `stop`, as far as the log reaches, in order; each checked against the
        signed root. Raises IF_ERR_LOG_DAMAGED."""
        head = self.head
        rows = self._guarded(lambda: list(self._reader.rows(max(0, start), min(stop, head.size))))
        if len(rows) != max(0, min(stop, head.size) - max(0, start)):
            raise FabricError(Code.LOG_DAMAGED, f"an entry from {start} on is missing")
        for row in rows:
            self._prove(row, head)
        return rows

    def apart(self) -> LogReading:
        """The same log for another thread, which reads what is committed by then. The caller closes it."""
        return LogReading(self._readers, *self._publics, development=self._development, limits=self._limits)

    def entries(self, action: str) -> Sequence[tuple[int, Kind, Mapping[str, Any] | None]]:
        """Index, kind and body (None: erased) of an action's entries, in order. Raises IF_ERR_LOG_DAMAGED."""
        head = self.head
        found: list[tuple[int, Kind, Mapping[str, Any] | None]] = []
        for row in self._of_action(action, head):
            self._prove(row, head)
            found.append((row.number, Kind(row.kind), None if row.body is None else orjson.loads(row.body)))
        return found

    async def receipt(self, action: str) -> bytes:
        """The receipt of an action: JSON bytes, see `receipt.encode`.

        Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_LOG_DAMAGED.
        """
        head = self.head
        opened = []
        for row in self._of_action(action, head):
            proof = self._prove(row, head)
            opened.append(receipt.OpenedEntry(row.number, row.leaf, tuple(proof), row.body, row.salt))
        if not opened:
            raise FabricError(Code.ACTION_UNKNOWN, f"no entry of the log belongs to action {action[:60]!r}")
        return receipt.encode(receipt.Receipt(head.origin, head.note, tuple(opened), self._development))

    def rekeying_proof(self) -> bytes:
        """The last change of the log's key for those who hold the former one: a receipt of its entry, which names the
        new key, against a checkpoint that the former key signed.

        Raises IF_ERR_ENTRY_UNKNOWN where there was none under this origin, IF_ERR_LOG_DAMAGED.
        """
        entries = self.find(Query(kind=Kind.LOG_REKEYED.value, limit=2))
        told = [(entry.index, LogRekeyed.model_validate(entry.body)) for entry in entries if entry.body is not None]
        begun = next(((index, body) for index, body in told if body.change == "begun"), None)
        if begun is None or begun[1].origin != self.origin:
            raise FabricError(Code.ENTRY_UNKNOWN, f"the key of {self.origin} was never changed")
        index, body = begun
        ended = told[0][1].checkpoint if told[0][1].change == "finished" else ""
        former = Verifier.parse(body.former)
        head = open_checkpoint(ended or self.head.note, [former])
        row = self._guarded(lambda: self._reader.row(index))
        if row is None:
            raise FabricError(Code.LOG_DAMAGED, f"entry {index} is missing")
        proof = self._prove(row, head)
        opened = receipt.OpenedEntry(index, row.leaf, tuple(proof), row.body, row.salt)
        return receipt.encode(receipt.Receipt(head.origin, head.note, (opened,), self._development))

    def find(self, wanted: Query) -> Sequence[query.Found]:
        """Entries that fit, newest first, each checked. Raises IF_ERR_USAGE for more than are answered at once."""
        if not 1 <= wanted.limit <= self._limits.found_entries:
            raise FabricError(Code.USAGE, f"a query answers 1 to {self._limits.found_entries} entries")
        head = self.head
        return self._guarded(lambda: query.find(self._reader, wanted, head.size, lambda row: self._prove(row, head)))

    def _of_action(self, action: str, head: SignedCheckpoint) -> Sequence[Row]:
        return [row for row in self._guarded(lambda: self._reader.of_action(action)) if row.number < head.size]

    def _prove(self, row: Row, head: SignedCheckpoint) -> Sequence[bytes]:
        """The row's inclusion proof, after the row's bytes were found to lead to the signed root."""
        check_row(row)
        proof = self._guarded(lambda: self._tree.inclusion(row.number, head.size))
        try:
            verify_inclusion(row.number, head.size, row.hash, proof, head.root)
        except FabricError as error:
            raise FabricError(Code.LOG_DAMAGED, f"entry {row.number}: {error.message}") from None
        return proof

    def _guarded(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except StoreDamaged as error:
            raise FabricError(Code.LOG_DAMAGED, f"the log cannot be read: {error}") from error

    # --- what takes long

    async def audit(self, project: Project | None = None, pseudonym_key: bytes | None = None) -> audit.Report:
        """Read every stored byte again; see `audit.audit`."""
        head = self.head
        return await self._in_thread(lambda reader: audit.audit(reader, head, project, pseudonym_key))

    async def export(self, directory: Path) -> int:
        """Bring a static `tlog-tiles` directory up to the latest checkpoint; how many files were written."""
        head = self.head
        verifiers = self.verifiers()
        return await self._in_thread(lambda reader: tiles.export(reader, head, verifiers, directory))

    def anchor(self, directory: Path) -> Path:
        """Write the latest checkpoint where it is never overwritten; see `anchor.write`."""
        return anchor.write(self.head, directory)

    async def _in_thread(self, work: Callable[[Reader], T]) -> T:
        def run() -> T:
            reader = self._readers()
            try:
                return work(reader)
            except StoreDamaged as error:
                raise FabricError(Code.LOG_DAMAGED, f"the log cannot be read: {error}") from error
            finally:
                reader.close()

        return await asyncio.to_thread(run)

    async def close(self) -> None:
        self._reader.close()
