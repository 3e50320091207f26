"""Appending: many submissions become one transaction, one tree, one signed checkpoint. Runs in one thread.

The order is the promise: the transaction is durable, then the checkpoint slot, then anyone is told. Memory changes only
after both, so a transaction that fails leaves the tree as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Appended, Project
from infrafabric.kernel.words.entries import Kind
from infrafabric.witness.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from infrafabric.witness.clock import LogClock
from infrafabric.witness.erase import Protected, plan_erasure, protected
from infrafabric.witness.facts import fold, project_facts, stored_fact
from infrafabric.witness.leaf import commitment, format_at, leaf_bytes, pseudonym, tokens
from infrafabric.witness.limits import Limits
from infrafabric.witness.merkle import Growth, leaf_hash
from infrafabric.witness.note import Signer, check_name
from infrafabric.witness.slots import Slots
from infrafabric.witness.startup import Start
from infrafabric.witness.store import Commit, Erasure, Reader, Row, State, Store, StoredFact, StoreFailed, StoreFull
from infrafabric.witness.submission import Submission

__all__ = ["Outcome", "Proven", "Writer"]

ACTORS_KEPT = 65_536
"""Pseudonyms and sequence numbers held in memory; the others are looked up again."""


class Proven(NamedTuple):
    """An appended entry with the proof that it is in the log, as of its own commit."""

    number: int
    """Its leaf index."""
    at: str
    tree_size: int
    leaf: bytes
    proof: tuple[bytes, ...]
    checkpoint: str
    """The signed note that the proof leads to."""
    salt: bytes
    """With `body` it opens the leaf's commitment."""
    body: bytes


_new_tuple = tuple.__new__
_KINDS = {kind: kind.value for kind in Kind}

Outcome = tuple[Appended, ...] | tuple[Proven, ...] | FabricError


@dataclass(slots=True)
class _Batch:
    at: str
    random: bytes
    """Salt and nonce of each row: 48 bytes."""
    rows: list[Row] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    facts: list[StoredFact] = field(default_factory=list)
    sequence: dict[str, int] = field(default_factory=dict)
    erasures: list[Erasure] = field(default_factory=list)
    begins_origin: bool = False


class Writer:
    """The log's state while it grows. `random` gives salts and nonces; only test vectors need another source."""

    def __init__(
        self,
        store: Store,
        slots: Slots,
        signers: tuple[Signer, ...],
        pseudonym_key: bytes,
        project: Project,
        clock: LogClock,
        limits: Limits,
        start: Start,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store, self._slots = store, slots
        self.signers = signers
        """Who signs each checkpoint: two while one key takes over from the other, the new one last."""
        self._pseudonym_key, self._project, self._clock, self._limits = pseudonym_key, project, clock, limits
        self._random = random
        self.origin = start.origin
        self.head = start.head
        self.stopped = start.stopped
        self._frontier = start.frontier
        self._last_at = start.last_at
        self._at = (-1, "")
        self._actors: dict[str, str] = {}
        self._sequence: dict[str, int] = {}
        self._released = False
        self.changed: Sequence[tuple[str, str]] | None = ()
        """Table and key of the facts that the last commit changed; None where it may be any."""
        self._opened_reader: Reader | None = None

    @property
    def _reader(self) -> Reader:
        if self._opened_reader is None:
            self._opened_reader = self._store.reader()
        return self._opened_reader

    def close(self) -> None:
        if self._opened_reader is not None:
            self._opened_reader.close()

    # --- what is admitted

    def commit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Append them in one transaction, those apart that must be refused. Never raises; after a failure of which the
        outcome is unknown it stops."""
        self.changed = ()
        if self.stopped is not None:
            return [self.stopped] * len(submissions)
        try:
            refusal = self._refusal()
            if refusal is None:
                outcomes = self._write_or_make_room(submissions)
            else:
                outcomes = {id(submission): refusal for submission in submissions}
                closing = [submission for submission in submissions if submission.closing]
                if closing:
                    outcomes |= self._write_or_make_room(closing)
        except Exception as error:  # whatever it was, memory and store may differ now
            self.changed = None
            self.stopped = FabricError(Code.LOG_STOPPED, f"appending failed: {error}")
            self.stopped.__cause__ = error
            return [self.stopped] * len(submissions)
        return [outcomes[id(submission)] for submission in submissions]

    def _refusal(self) -> FabricError | None:
        """Why no new work is taken now; what closes work in hand is."""
        wrong = self._clock.refusal(self._last_at)
        if wrong is not None:
            return wrong
        free = self._store.free_bytes()
        if free < self._limits.disk_reserve_bytes:
            reserve = self._limits.disk_reserve_bytes
            return FabricError(
                Code.DISK_FULL, f"{free >> 20} MiB are free on the log's disk, {reserve >> 20} are kept back"
            )
        if self._released and free > 2 * self._limits.disk_reserve_bytes:
            self._store.restore_reserve()
            self._released = False
        return None

    def _write_or_make_room(self, submissions: Sequence[Submission]) -> dict[int, Outcome]:
        try:
            return self._write(submissions)
        except StoreFull as full:
            error = FabricError(Code.DISK_FULL, f"the log could not be written: {full}")
        outcomes: dict[int, Outcome] = {id(submission): error for submission in submissions}
        closing = [submission for submission in submissions if submission.closing]
        if closing:
            self._store.release_reserve()
            self._released = True
            try:
                outcomes |= self._write(closing)
            except StoreFull as full:
                error = FabricError(Code.DISK_FULL, f"not even what closes work in hand could be written: {full}")
                outcomes |= {id(submission): error for submission in closing}
        return outcomes

    # --- one transaction

    def _write(self, submissions: Sequence[Submission]) -> dict[int, Outcome]:
        batch, outcomes = self._stage(submissions)
        if not batch.rows:
            return outcomes
        growth, head = self._commit(batch)
        at, size, note, number, before = batch.at, head.size, head.note, growth.before, growth.before
        rows, inclusion = batch.rows, growth.inclusion
        for submission in submissions:
            if id(submission) in outcomes:
                continue
            after = number + len(submission.entries)
            if submission.prove:
                outcomes[id(submission)] = tuple(
                    [
                        _new_tuple(Proven, (index, at, size, row.leaf, inclusion(index), note, row.salt, row.body))
                        for index, row in enumerate(rows[number - before : after - before], number)
                    ]
                )
            else:
                outcomes[id(submission)] = tuple([Appended(index, at, size) for index in range(number, after)])
            number = after
        return outcomes

    def _stage(self, submissions: Sequence[Submission]) -> tuple[_Batch, dict[int, Outcome]]:
        batch = _Batch(self._now(), self._random(48 * sum(len(submission.entries) for submission in submissions)))
        outcomes: dict[int, Outcome] = {}
        project, at = self._project, batch.at
        for submission in submissions:
            number = self._frontier.size + len(batch.rows)
            try:
                facts: list[StoredFact] = []
                for index, entry in enumerate(submission.entries, number):
                    for fact in project(entry, index, at):
                        facts.append(stored_fact(fact, index))
                if submission.erases is not None:
                    batch.erasures.append(self._plan_erasure(submission.erases, batch))
            except FabricError as error:
                outcomes[id(submission)] = error
                continue
            except Exception as error:  # a fault in the fold is this submission's alone
                fault = FabricError(Code.INTERNAL, f"the fold failed: {type(error).__name__}: {error}")
                fault.__cause__ = error
                outcomes[id(submission)] = fault
                continue
            if facts:
                batch.facts += facts
            self._add_rows(batch, submission, number)
        return batch, outcomes

    def protected(self, index: int) -> Protected:
        """What the erasure of entry `index` has to keep; see `erase.protected`."""
        return protected(self._reader, self._project, index)

    def _plan_erasure(self, index: int, batch: _Batch) -> Erasure:
        if any(erasure.index == index for erasure in batch.erasures):
            raise FabricError(Code.BODY_ERASED, f"the body of entry {index} was erased before")
        return plan_erasure(self._reader, self._project, index)

    def _add_rows(self, batch: _Batch, submission: Submission, number: int) -> None:
        at, sequence, actors = batch.at, batch.sequence, self._actors
        add_row, add_hash = batch.rows.append, batch.hashes.append
        random, offset = batch.random, 48 * len(batch.rows)
        for entry, body, columns in zip(submission.entries, submission.bodies, submission.columns, strict=True):
            middle = offset + 32
            end = offset + 48
            salt = random[offset:middle]
            offset = end
            name = entry.actor
            actor = actors.get(name) or self._pseudonym(name)
            seq = (sequence.get(actor) or (0 if batch.begins_origin else self._last_sequence(actor))) + 1
            sequence[actor] = seq
            nonce_text, body_text = tokens(random[middle:end], commitment(salt, body))
            kind, action = _KINDS[entry.kind], entry.action
            leaf = leaf_bytes(action, actor, at, body_text, kind, nonce_text, seq)
            hash_ = leaf_hash(leaf)
            add_hash(hash_)
            # What Row(...) does, in a third of its time.
            add_row(_new_tuple(Row, (number, hash_, leaf, kind, action, *columns, salt, body)))
            number += 1

    def _commit(self, batch: _Batch) -> tuple[Growth, SignedCheckpoint]:
        growth = self._frontier.grow(batch.hashes)
        head = sign_checkpoint(Checkpoint(self.origin, growth.frontier.size, growth.root), *self.signers)
        self._store.commit(
            Commit(
                State(head.origin, head.size, head.note),
                batch.rows,
                growth.tiles,
                batch.facts,
                tuple(batch.sequence.items()),
                batch.erasures,
                batch.begins_origin,
            )
        )
        self._slots.write(head.note)
        # What is erased takes facts along that no list here names.
        self.changed = None if batch.erasures or batch.begins_origin else [fact[:2] for fact in batch.facts]
        self._frontier, self.head = growth.frontier, head
        self._sequence.update(batch.sequence)
        if len(self._sequence) > ACTORS_KEPT:
            self._sequence.clear()
        self._last_at = self._at[0]
        return growth, head

    # --- time and actors

    def _now(self) -> str:
        milliseconds = self._clock.milliseconds(self._last_at)
        if milliseconds != self._at[0]:
            self._at = (milliseconds, format_at(milliseconds))
        return self._at[1]

    def _pseudonym(self, talent: str) -> str:
        if len(self._actors) >= ACTORS_KEPT:
            self._actors.clear()
        name = self._actors[talent] = pseudonym(self._pseudonym_key, talent)
        return name

    def _last_sequence(self, actor: str) -> int:
        return self._sequence.get(actor) or self._reader.sequence(actor)

    # --- what an operator asks for

    def open_origin(self, origin: str, submission: Submission, heir: Signer | None = None) -> Appended:
        """Go on with the stored tree under another origin. Sequence numbers begin again.

        That is for a log that was rolled back, which keeps its key, or for one whose key is in other hands: then `heir`
        alone signs from there on. Raises IF_ERR_USAGE where it is neither, or `origin` is not new.
        """
        self._check_end(heir)
        if check_name(origin) == self.origin:
            raise FabricError(Code.USAGE, f"{origin} is the origin that ends; a new one needs a new name")
        batch = _Batch(self._now(), self._random(48), begins_origin=True)
        number = self._frontier.size
        batch.facts = project_facts(self._project, submission.entries[0], number, batch.at)
        self._add_rows(batch, submission, number)
        before, self.origin = (self.origin, self.signers), origin
        if heir is not None:
            self.signers = (heir,)
        self._sequence.clear()
        try:
            _, head = self._commit(batch)
        except StoreFull as error:
            self.origin, self.signers = before
            raise FabricError(Code.DISK_FULL, f"the log could not be written: {error}") from error
        except (StoreFailed, OSError) as error:
            self.stopped = FabricError(Code.LOG_STOPPED, f"appending failed: {error}")
            raise self.stopped from error
        self.stopped = None
        return Appended(number, batch.at, head.size)

    def _check_end(self, heir: Signer | None) -> None:
        stopped = self.stopped
        if heir is None:
            if stopped is None or stopped.code is not Code.LOG_ROLLED_BACK:
                raise FabricError(Code.USAGE, "a new origin is opened only for a log that was rolled back")
        elif stopped is not None and stopped.code is not Code.LOG_ROLLED_BACK:
            raise stopped

    def rekey(self, submission: Submission, signing: tuple[Signer, ...], after: tuple[Signer, ...]) -> Appended:
        """Append what says that the log's key changes, in a checkpoint by `signing`; those that follow are by `after`.

        Raises what an append does; the signers are then as they were.
        """
        before, self.signers = self.signers, signing
        (outcome,) = self.commit([submission])
        if isinstance(outcome, FabricError):
            self.signers = before
            raise outcome
        self.signers = after
        (appended,) = cast("tuple[Appended]", outcome)
        return appended

    def clock_ahead(self) -> float:
        """Unix seconds that the log can account for. Raises IF_ERR_USAGE where the clock is not ahead of it."""
        if not self._clock.is_ahead():
            raise FabricError(Code.USAGE, "the clock is not ahead of what the log can account for")
        return self._clock.accounted_s

    def confirm_clock(self, submission: Submission) -> Appended:
        """Go by the clock as it stands, from the entry on that records that. Raises what an append does."""
        before = self._clock.confirm()
        (outcome,) = self.commit([submission])
        if isinstance(outcome, FabricError):
            self._clock.restore(before)
            raise outcome
        (appended,) = cast("tuple[Appended]", outcome)
        return appended

    def rebuild_facts(self) -> int:
        """Make all facts again from the stored bodies, put them in the place of the present ones, and count them."""
        size = self._frontier.size
        facts = fold(self._reader.rows(0, size), self._reader.erased_keys, self._project)
        try:
            self._store.replace_facts(facts)
        except StoreFull as error:
            raise FabricError(Code.DISK_FULL, f"the facts could not be written: {error}") from error
        except StoreFailed as error:
            self.stopped = FabricError(Code.LOG_STOPPED, f"writing facts failed: {error}")
            raise self.stopped from error
        return len(facts)

    def purge(self) -> bool:
        return self._store.purge()
