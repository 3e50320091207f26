"""The log: an async face, one thread that writes. Implements the kernel's port `Log`.

Callers that arrive together share a transaction, an fsync and a checkpoint. Waiting ends when all three are done.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Appended, Entry, Project
from infrafabric.witness.checkpoint import SignedCheckpoint
from infrafabric.witness.clock import LogClock, steady_s
from infrafabric.witness.facts import KeptFacts, decode
from infrafabric.witness.limits import Limits
from infrafabric.witness.note import Signer, Verifier, check_name
from infrafabric.witness.operated import OperatedLog
from infrafabric.witness.slots import Slots
from infrafabric.witness.standing import check_standing
from infrafabric.witness.startup import Start, examine
from infrafabric.witness.store import Row, Store
from infrafabric.witness.submission import Submission, batches
from infrafabric.witness.writer import Outcome, Proven, Writer

__all__ = ["WitnessLog"]

T = TypeVar("T")
FOLLOWED = 256
"""Entries that a follower is given at a time, at most."""
_Waiting = tuple[Submission, "asyncio.Future[tuple[Appended, ...] | tuple[Proven, ...]]"]


class WitnessLog(OperatedLog):
    """A log that is written. Made by `open`; one at a time has a store, which the home's lock sees to."""

    def __init__(
        self,
        store: Store,
        slots: Slots,
        keys: Sequence[Signer],
        writer: Writer,
        start: Start,
        *,
        project: Project,
        pseudonym_key: bytes,
        limits: Limits,
        development: bool,
    ) -> None:
        super().__init__(store.reader, *[key.public for key in keys], development=development, limits=limits)
        self._facts = self._kept_facts = KeptFacts(lambda: self._reader)
        self._store, self._slots, self._writer = store, slots, writer
        self._keys = tuple(keys)
        self._project, self._pseudonym_key = project, pseudonym_key
        self._origin, self._head, self._stopped = start.origin, start.head, start.stopped
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[list[_Waiting] | Callable[[], None] | None] = queue.SimpleQueue()
        self._gathered: list[_Waiting] = []
        self._pending_bytes = 0
        self._grown = asyncio.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._write_forever, name="log-writer", daemon=True)
        self._thread.start()

    @classmethod
    async def open(
        cls,
        store: Store,
        slots: Slots,
        *,
        origin: str,
        signer: Signer,
        heir: Signer | None = None,
        pseudonym_key: bytes,
        project: Project,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_s,
        limits: Limits | None = None,
        development: bool = False,
        random: Callable[[int], bytes] = os.urandom,
        mark: Path | None = None,
    ) -> WitnessLog:
        """Check the end of the stored log, the checkpoint kept beside it and what operators set, and start the writer.

        `origin` names a log that is empty yet; one that has entries keeps its own. A log that is found damaged or
        rolled back can be read but not written: `stopped` says why, and every append raises it. `clock` gives Unix
        seconds, `steady` seconds that never jump, `project` the facts of an entry.
        A `development` log marks its receipts so. `heir` is the key that takes over from `signer`, where there is one:
        those of the two that signed the last checkpoint go on signing, so that a change of keys is never half made.
        `random` gives salts and nonces; only test vectors need another source than the system's. `mark` is the file of
        `check_standing`, which otherwise reads all leaves.
        """
        check_name(origin)
        limits = limits if limits is not None else Limits()
        keys = (signer,) if heir is None else (signer, heir)

        def start_up() -> Start:
            reader = store.reader()
            try:
                start = examine(reader, slots, origin, [key.public for key in keys], limits)
                if start.stopped is not None or start.head is None:
                    return start
                try:
                    check_standing(reader, start.head, project, pseudonym_key, mark)
                except FabricError as error:
                    return replace(start, stopped=error)
                return start
            finally:
                reader.close()

        start = await asyncio.to_thread(start_up)
        if start.stopped is None and start.head is not None and slots.read() != start.head.note:
            # The kernel died between the two writes; nobody was told of the newer tree yet.
            await asyncio.to_thread(slots.write, start.head.note)
        times = LogClock(clock, steady, start.last_at, limits)
        signed = start.head.keys if start.head is not None else (signer.public,)
        signers = tuple(key for key in keys if key.public in signed)
        writer = Writer(store, slots, signers, pseudonym_key, project, times, limits, start, random)
        return cls(
            store,
            slots,
            keys,
            writer,
            start,
            project=project,
            pseudonym_key=pseudonym_key,
            limits=limits,
            development=development,
        )

    # --- what is known without asking the store

    @property
    def stopped(self) -> FabricError | None:
        """Why the log takes no entries: IF_ERR_LOG_ROLLED_BACK, IF_ERR_LOG_DAMAGED, IF_ERR_LOG_STOPPED."""
        return self._stopped

    @property
    def head(self) -> SignedCheckpoint:
        """The checkpoint of the last acknowledged commit. Raises IF_ERR_ENTRY_UNKNOWN while the log is empty."""
        if self._head is None:
            raise self._stopped or FabricError(Code.ENTRY_UNKNOWN, "the log is empty")
        return self._head

    @property
    def origin(self) -> str:
        return self._origin

    @property
    def size(self) -> int:
        return 0 if self._head is None else self._head.size

    @property
    def pending_bytes(self) -> int:
        """Bytes of entries that were handed over and are not durable yet."""
        return self._pending_bytes

    @property
    def signing(self) -> tuple[Verifier, ...]:
        return tuple(Verifier(self._origin, signer.public) for signer in self._writer.signers)

    # --- appending

    async def append(self, *entries: Entry) -> Sequence[Appended]:
        """Record entries in one transaction, in order; see the port.

        New work is refused where entries of the kinds `CLOSING`, alone in their call, are still taken. Raises
        IF_ERR_TOO_LARGE, IF_ERR_JSON_INVALID, IF_ERR_BUSY, IF_ERR_DISK_FULL, IF_ERR_LOG_CLOCK, IF_ERR_LOG_STOPPED,
        or why the log was stopped when it was opened.
        """
        return cast("tuple[Appended, ...]", await self._submit(self._submission(*entries)))

    async def append_proven(self, *entries: Entry) -> Sequence[Proven]:
        """The same, with each entry's leaf, its inclusion proof and the checkpoint that it leads to."""
        submission = self._submission(*entries)
        submission.prove = True
        return cast("tuple[Proven, ...]", await self._submit(submission))

    def _submit(self, submission: Submission) -> asyncio.Future[tuple[Appended, ...] | tuple[Proven, ...]]:
        future: asyncio.Future[tuple[Appended, ...] | tuple[Proven, ...]] = self._loop.create_future()
        if self._stopped is not None:
            raise self._stopped
        if self._closed:
            raise FabricError(Code.LOG_STOPPED, "the log was closed")
        if not submission.entries:
            future.set_result(())
            return future
        size = submission.size
        if self._pending_bytes + size > self._limits.pending_bytes and not submission.closing:
            raise FabricError(Code.BUSY, "too many entries wait to be written", retry_after=1.0)
        self._pending_bytes += size
        # All that arrives in this turn of the loop goes to the writer at once, so that the first does not go alone.
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((submission, future))
        return future

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._work.put(gathered)

    # --- the writer's thread

    def _write_forever(self) -> None:
        carried: list[_Waiting] | Callable[[], None] | None | bool = False
        while True:
            work = self._work.get() if carried is False else carried
            carried = False
            if work is None:
                return
            if callable(work):
                work()
                continue
            waiting = cast("list[_Waiting]", work)
            while len(waiting) < self._limits.batch_entries:
                try:
                    more = self._work.get_nowait()
                except queue.Empty:
                    break
                if not isinstance(more, list):
                    carried = more
                    break
                waiting += more
            for batch in batches(waiting, self._limits):
                outcomes = self._writer.commit([submission for submission, _ in batch])
                writer = self._writer
                if not self._tell(self._deliver, batch, outcomes, writer.head, writer.stopped, writer.changed):
                    return

    def _tell(self, callback: Callable[..., None], *arguments: object) -> bool:
        """Run `callback` in the loop. False when the loop is gone, and with it everyone who waited."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            return False
        return True

    def _deliver(
        self,
        batch: list[_Waiting],
        outcomes: list[Outcome],
        head: SignedCheckpoint | None,
        stopped: FabricError | None,
        changed: Sequence[tuple[str, str]] | None,
    ) -> None:
        self._settle(head, stopped, changed)
        for (submission, future), outcome in zip(batch, outcomes, strict=True):
            self._pending_bytes -= submission.size
            if future.done():  # its caller was cancelled; the entry stays
                continue
            if isinstance(outcome, FabricError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _settle(
        self, head: SignedCheckpoint | None, stopped: FabricError | None, changed: Sequence[tuple[str, str]] | None
    ) -> None:
        self._kept_facts.changed(changed)
        self._head, self._stopped = head, stopped
        if head is not None:
            self._origin = head.origin
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def _in_writer(self, work: Callable[[], T]) -> T:
        """Run `work` between two transactions."""
        if self._closed:
            raise FabricError(Code.LOG_STOPPED, "the log was closed")
        future: asyncio.Future[T] = self._loop.create_future()

        def finish(result: T | None, error: Exception | None, head: SignedCheckpoint | None) -> None:
            self._settle(head, self._writer.stopped, None)
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(cast("T", result))

        def run() -> None:
            result, failure = None, None
            try:
                result = work()
            except Exception as error:  # handed to the caller
                failure = error
            self._tell(finish, result, failure, self._writer.head)

        self._work.put(run)
        return await future

    # --- following

    def watch(self) -> AsyncIterator[tuple[int, Entry]]:
        """Entries as they become durable, from now on.

        A watcher holds no queue: it is woken and reads on from where it was, so a slow one neither loses entries nor
        holds the writer up. Entries whose bodies were erased before it came to them are left out.
        """
        return self._watch(self.size)

    async def _watch(self, position: int) -> AsyncIterator[tuple[int, Entry]]:
        while not self._closed:
            grown = self._grown
            if position >= self.size:
                await grown.wait()
                continue
            row = self._guarded(lambda at=position: self._reader.row(at))  # type: ignore[misc]
            if row is None:
                raise FabricError(Code.LOG_DAMAGED, f"entry {position} is missing")
            entry = decode(row)
            position += 1
            if entry is not None:
                yield position - 1, entry

    async def follow(self, first: int | None = None) -> AsyncIterator[Sequence[Row]]:
        """Rows from index `first` on (None: from now on), in order, as many at a time as became durable together; ends
        with the log. Erased ones are among them. Who hands a row on checks it before: `check_row`, `span`."""
        position = self.size if first is None else first
        while not self._closed:
            grown = self._grown
            if position >= self.size:
                await grown.wait()
                continue
            stop = min(self.size, position + FOLLOWED)
            rows = self._guarded(lambda at=position, stop=stop: list(self._reader.rows(at, stop)))  # type: ignore[misc]
            if not rows or rows[0].number != position or rows[-1].number != position + len(rows) - 1:
                raise FabricError(Code.LOG_DAMAGED, f"an entry from {position} on is missing")
            position += len(rows)
            yield rows
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Write what was handed over, stop the writer, close store and slots."""
        if self._closed:
            return
        self._hand_over()
        self._closed = True
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # let the last answers reach those who wait
        self._grown.set()
        self._writer.close()
        self._slots.close()
        await super().close()  # before the store, which as the last one out leaves the database whole in one file
        await asyncio.to_thread(self._store.close)
