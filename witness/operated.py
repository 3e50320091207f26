"""What an operator asks of a log that is written: erasing, another key or origin, going by the clock."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar, cast

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Appended, Entry, Project
from infrafabric.kernel.words.entries import BodyErased, ClockConfirmed, Kind, OriginOpened, erased_key
from infrafabric.witness.audit import Report
from infrafabric.witness.erase import hidden
from infrafabric.witness.leaf import format_at
from infrafabric.witness.note import Signer, Verifier, check_name
from infrafabric.witness.reading import LogReading
from infrafabric.witness.slots import Slots
from infrafabric.witness.submission import Submission, submission_of
from infrafabric.witness.writer import Proven, Writer

__all__ = ["OperatedLog"]

T = TypeVar("T")


class OperatedLog(LogReading, ABC):
    """The part of `WitnessLog` that operators use. Each change is an entry, made between two transactions of others."""

    _origin: str
    _writer: Writer
    _slots: Slots
    _project: Project
    _pseudonym_key: bytes

    @abstractmethod
    def _submit(self, submission: Submission) -> asyncio.Future[tuple[Appended, ...] | tuple[Proven, ...]]:
        """Hand it to the writer among the others."""

    @abstractmethod
    async def _in_writer(self, work: Callable[[], T]) -> T:
        """Run `work` between two transactions."""

    def _submission(self, *entries: Entry) -> Submission:
        return submission_of(entries, self._limits.body_bytes)

    async def erase(self, index: int, why: str, talent: str = "", trace: str = "") -> Appended:
        """Erase the body and salt of an entry for good, and the facts that only it set; record that, and why.

        The bytes are overwritten in the database and its journal is emptied before this returns. Backups and the disk's
        own spare blocks are beyond it. Raises IF_ERR_ENTRY_UNKNOWN, IF_ERR_BODY_ERASED, IF_ERR_ERASE_REFUSED,
        IF_ERR_WHY_REQUIRED, and IF_ERR_BUSY when it was erased and a reader keeps the journal from being emptied.
        """
        if not why.strip():
            raise FabricError(Code.WHY_REQUIRED, f"erasing entry {index} needs a reason")
        kept = await self._in_writer(lambda: self._writer.protected(index))
        body = BodyErased(
            talent=talent,
            trace=trace,
            index=index,
            why=why,
            action=kept.action,
            undone=kept.undone,
            idempotency=erased_key(kept.idempotency[0], secrets.token_bytes(16)) if kept.idempotency else "",
            spent=hidden(*kept.spent[0], secrets.token_bytes(16)) if kept.spent else None,
        )
        submission = self._submission(Entry(Kind.BODY_ERASED, body))
        submission.erases = index
        (appended,) = cast("tuple[Appended]", await self._submit(submission))
        if not await self._in_writer(self._writer.purge):
            raise FabricError(
                Code.BUSY,
                f"the body of entry {index} is erased, but a reader keeps the journal that still holds it",
                remedy="End the other readers. The next erasure, or the kernel's next stop, empties the journal.",
            )
        return appended

    async def open_origin(
        self,
        origin: str,
        why: str,
        talent: str = "",
        trace: str = "",
        *,
        heir: Signer | None = None,
        trusted: str = "",
    ) -> Appended:
        """Go on with the entries that are there under a new origin. An operator's decision: after a rollback, or,
        with a new key `heir`, because the log's key is in other hands.

        The first entry of the new origin names the old one and the last checkpoint that was kept of it; `trusted` is
        the last that was kept elsewhere. Raises IF_ERR_WHY_REQUIRED, IF_ERR_NAME_INVALID, IF_ERR_USAGE when the log was
        not rolled back and there is no heir, or the name is not new.
        """
        if not why.strip():
            raise FabricError(Code.WHY_REQUIRED, "opening a new origin needs a reason")
        check_name(origin)
        try:
            kept = self._slots.read() or ""
        except FabricError:
            kept = ""  # both slots are spoilt, which is why the log is stopped
        body = OriginOpened(
            talent=talent,
            trace=trace,
            origin=origin,
            vkey=str(Verifier(origin, (heir or self._writer.signers[-1]).public)),
            why=why,
            before=self._origin,
            checkpoint=kept,
            ended=heir is not None,
            trusted=trusted,
        )
        submission = self._submission(Entry(Kind.ORIGIN_OPENED, body))
        self._know(heir)
        return await self._in_writer(lambda: self._writer.open_origin(origin, submission, heir))

    async def begin_rekey(self, heir: Signer, entry: Entry) -> Appended:
        """Let `heir` sign every checkpoint beside the log's key, from that of `entry` (log.rekeyed) on.

        Raises IF_ERR_USAGE where a change is under way already, and what `append` does.
        """
        if len(self._writer.signers) != 1:
            raise FabricError(Code.USAGE, "the log's key is being changed already; finish that first")
        submission, signers = self._submission(entry), (*self._writer.signers, heir)
        self._know(heir)
        return await self._in_writer(lambda: self._writer.rekey(submission, signers, signers))

    async def finish_rekey(self, entry: Entry) -> Appended:
        """Let the new key alone sign what follows `entry` (log.rekeyed), whose own checkpoint both still sign.

        Raises IF_ERR_USAGE where no change is under way, and what `append` does.
        """
        both = self._writer.signers
        if len(both) != 2:
            raise FabricError(Code.USAGE, "the log's key is not being changed")
        submission = self._submission(entry)
        return await self._in_writer(lambda: self._writer.rekey(submission, both, both[1:]))

    async def drop_former_key(self) -> None:
        """Let the new key alone sign: the log says that the change is finished, and the kernel died there."""

        def drop() -> None:
            self._writer.signers = self._writer.signers[-1:]

        await self._in_writer(drop)

    def _know(self, key: Signer | None) -> None:
        if key is not None and key.public not in self._publics:
            self._publics = (*self._publics, key.public)

    async def confirm_clock(self, why: str, talent: str = "", trace: str = "") -> Appended:
        """Go by a clock that is far ahead, on a person's word, and record that: new work is taken again.

        Raises IF_ERR_WHY_REQUIRED, IF_ERR_USAGE where the clock is not ahead, and what `append` does.
        """
        if not why.strip():
            raise FabricError(Code.WHY_REQUIRED, "confirming the clock needs a reason")
        accounted = await self._in_writer(self._writer.clock_ahead)
        body = ClockConfirmed(talent=talent, trace=trace, why=why, accounted=format_at(int(accounted * 1000)))
        submission = self._submission(Entry(Kind.CLOCK_CONFIRMED, body))
        return await self._in_writer(lambda: self._writer.confirm_clock(submission))

    async def rebuild_facts(self) -> int:
        """Make all facts again from the stored bodies; how many there are. Raises IF_ERR_LOG_DAMAGED."""
        return await self._in_writer(self._writer.rebuild_facts)

    async def audit_all(self) -> Report:
        """`audit`, with the facts and the actors' names compared as well."""
        return await self.audit(self._project, self._pseudonym_key)
