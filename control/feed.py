"""The feed: what the log records, to whoever follows it, as it becomes durable.

One reader follows the log for all. It never waits for a follower: each has a bounded queue, and one that does not keep
up is cut off with the index after which it can go on. What was missed is read from the log, so that a stream has
neither gap nor double, however often it breaks. An entry is made into JSON once, whoever gets it.

A follower sees its tenant's entries, for as long as its leave holds: leave is looked at again before anything is handed
on that may have changed it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.startup import check_row

if TYPE_CHECKING:
    from infrafabric.witness.log import WitnessLog
    from infrafabric.witness.store import Row

__all__ = ["Feed", "Follower", "Noted", "Wanted"]

QUEUE = 1_024
"""Entries that wait for one follower: some seconds of a busy kernel."""
PAGE = 64
"""Entries that are read for one follower before others have their turn."""
_LEAVE = frozenset(
    {
        Kind.TALENT_CHANGED,
        Kind.ROLE_CHANGED,
        Kind.POLICY_CHANGED,
        Kind.TRUST_CHANGED,
        Kind.TRUST_GRACED,
        Kind.API_KEY_CHANGED,
        Kind.IDENTITY_CHANGED,
        Kind.ORIGIN_OPENED,
    }
)
"""Kinds of entries after which leave may be another."""


class Noted:
    """An entry as followers get it. Not erased, its bytes checked against its leaf."""

    __slots__ = ("_block", "_row", "_text", "action", "actor", "body", "index", "kind")

    def __init__(self, row: Row, body: Mapping[str, Any]) -> None:
        self._row = row
        self.index, self.kind, self.action = row.number, row.kind, row.action
        self.actor = row.actor or ""
        self.body = body
        self._text = ""
        self._block = b""

    @property
    def at(self) -> str:
        """RFC 3339 UTC, with milliseconds."""
        return Leaf.parse(self._row.leaf).at

    @property
    def text(self) -> str:
        """JSON in one line, as of `ifctl witness show --json`: index, leaf, body, erased."""
        if not self._text:
            row, body = self._row, self._row.body or b"null"
            data = b'{"index":%d,"leaf":%b,"body":%b,"erased":false}' % (row.number, row.leaf, body)
            self._text = data.decode()
        return self._text

    @property
    def block(self) -> bytes:
        """The same as a server-sent event (WHATWG HTML, section 9.2): its index as the id, its kind as the name."""
        if not self._block:
            self._block = f"id: {self.index}\nevent: {self.kind}\ndata: {self.text}\n\n".encode()
        return self._block


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries a follower wants; what is empty does not matter. Names are full ids."""

    talent: str = ""
    """Named by the body, as its talent or approver, or the one who acted."""
    capability: str = ""
    """Of the entry, or of the action that it belongs to."""
    target: str = ""
    kind: str = ""
    verdict: str = ""
    """Of the decision or approval that the entry records."""
    trace: str = ""
    action: str = ""

    def takes(self, noted: Noted, capability: Callable[[Noted], str]) -> bool:
        """Whether the entry is wanted. `capability` finds out what an entry is about that does not say so."""
        body = noted.body
        return (
            (not self.kind or noted.kind == self.kind)
            and (not self.action or noted.action == self.action)
            and (not self.trace or body.get("trace") == self.trace)
            and (not self.target or body.get("target") == self.target)
            and (not self.talent or self.talent in (body.get("talent"), body.get("approver"), noted.actor))
            and (not self.verdict or _verdict(body) == self.verdict)
            and (not self.capability or (body.get("capability") or capability(noted)) == self.capability)
        )

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


def _verdict(body: Mapping[str, Any]) -> str:
    decision = body.get("decision")
    return str(decision["verdict"] if isinstance(decision, Mapping) else body.get("verdict", ""))


class Follower:
    """One who follows: `async for` gives lists of entries until the feed ends or leave is withdrawn.

    Use as an async context; leaving it ends the following.
    """

    def __init__(self, feed: Feed, tenant: str, wanted: Wanted, leave: Callable[[], None], after: int) -> None:
        self._feed = feed
        self.tenant = tenant
        self.wanted = wanted
        self._leave = leave
        self.position = after
        """Index of the next entry that it has not been given, or was not looked at for it."""
        self._queue: deque[Noted] = deque()
        self._news = asyncio.Event()
        self._ended: FabricError | None = None
        self._over = False
        self._nudged = False

    @property
    def cut(self) -> FabricError | None:
        """Why it gets no more: IF_ERR_BUSY where it did not keep up, else what its leave raised."""
        return self._ended

    @property
    def mark(self) -> int:
        """Index of the last entry that it was given, or that was none for it: where another can go on. -1 where there
        is none before it."""
        live = self._feed.has(self) and not self._queue
        return (max(self.position, self._feed.position) if live else self.position) - 1

    def nudge(self) -> None:
        """Let `wait` return, though nothing came."""
        self._nudged = True
        self._news.set()

    async def wait(self) -> Sequence[Noted] | None:
        """The next entries, in order; an empty list where the stream is over, None where it was nudged. Raises why it
        was cut off."""
        while True:
            if self._ended is not None:
                raise self._ended
            if self._queue:
                found = list(self._queue)
                self._queue.clear()
                self.position = found[-1].index + 1
                return found
            if self._over:
                return ()
            if self._nudged:
                self._nudged = False
                return None
            if not self._feed.has(self):
                if read := await self._read():
                    return read
                continue
            self._news.clear()
            await self._news.wait()

    def check(self) -> None:
        """Look at its leave again, as time passes. Raises why it is withdrawn."""
        try:
            self._leave()
        except FabricError as error:
            self.end(error)
            raise

    async def _read(self) -> Sequence[Noted]:
        """What the log has from where it stands; follows what comes live once there is nothing left."""
        feed = self._feed
        await asyncio.sleep(0)
        if self.position >= feed.position:
            feed.add(self)
            return ()
        async with feed.reading:
            stop = min(self.position + PAGE, feed.position)
            found = feed.read(self.position, stop)
        self.check()
        seen = [one for one in found if self.sees(one)]
        self.position = stop
        return seen

    def sees(self, noted: Noted) -> bool:
        return (
            noted.index >= self.position
            and noted.body.get("tenant") == self.tenant
            and self.wanted.takes(noted, self._feed.capability)
        )

    # --- for the feed

    def put(self, noted: Sequence[Noted]) -> None:
        if len(self._queue) + len(noted) > QUEUE:
            after = self._queue[-1].index if self._queue else self.position - 1
            self.position = self._queue[0].index if self._queue else self.position
            self._queue.clear()
            message = f"the stream was not read as fast as entries came, up to {after}; go on after {self.position - 1}"
            self.end(FabricError(Code.BUSY, message, retry_after=1.0))
            return
        self._queue.extend(noted)
        self._news.set()

    def end(self, error: FabricError | None) -> None:
        """It gets no more: because of `error`, or because the feed is over."""
        self._ended = self._ended or error
        self._over = True
        if error is not None:
            self._queue.clear()
        self._feed.remove(self)
        self._news.set()

    async def __aenter__(self) -> Follower:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._feed.remove(self)

    async def __aiter__(self) -> AsyncIterator[Sequence[Noted]]:
        while (found := await self.wait()) != ():
            if found is not None:
                yield found


class Feed:
    """Follows one log while somebody listens, from its start on; ends with the log, or by `close`."""

    def __init__(self, log: WitnessLog) -> None:
        self._log = log
        self.position = log.size
        """Index of the next entry that followers will be handed."""
        self.reading = asyncio.Semaphore(2)
        """Those who catch up read in turns, so that many at once hold nobody else up."""
        self.changes = 0
        """How often so far somebody's leave may have become another."""
        self._followers: dict[Follower, None] = {}
        self.faults: list[str] = []
        """What observers raised."""
        self._observers: list[Callable[[Noted], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def followers(self) -> int:
        """How many follow live."""
        return len(self._followers)

    def observe(self, observer: Callable[[Noted], None]) -> None:
        """Hand every entry to `observer` too, whosever it is. One that raises is handed no more: see `faults`."""
        self._observers.append(observer)
        self._start()

    def follow(self, tenant: str, wanted: Wanted, leave: Callable[[], None], *, after: int | None = None) -> Follower:
        """A follower of the entries of `tenant`, from the one behind index `after` on (None: from now on).

        `leave` raises where they may not be read (any more). Raises that, and IF_ERR_ENTRY_UNKNOWN for an index that
        the log has not reached.
        """
        leave()
        self._start()
        if after is not None and not -1 <= after < self._log.size:
            raise FabricError(Code.ENTRY_UNKNOWN, f"the log has no entry {after} after which to go on")
        return Follower(self, tenant, wanted, leave, self._log.size if after is None else after + 1)

    def look_again(self) -> None:
        """Somebody's leave may be another now: end the streams of those who have none any more."""
        self.changes += 1
        for follower in list(self._followers):
            with suppress(FabricError):
                follower.check()

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        self._end()

    # --- for followers

    def has(self, follower: Follower) -> bool:
        return follower in self._followers

    def add(self, follower: Follower) -> None:
        """From now on it is handed what comes. It has seen everything before `position`."""
        if self._closed:
            follower.end(None)
        else:
            self._followers[follower] = None

    def remove(self, follower: Follower) -> None:
        self._followers.pop(follower, None)

    def read(self, start: int, stop: int) -> list[Noted]:
        """Entries of the log, checked against its root; without erased ones."""
        return [_noted(row) for row in self._log.span(start, stop) if row.body is not None]

    def capability(self, noted: Noted) -> str:
        """The capability of the action that an entry belongs to; "" where there is none."""
        asked = self._log.facts.get("action", noted.action) if noted.action else None
        return str(asked["capability"]) if asked is not None else ""

    # --- the one reader

    def _start(self) -> None:
        if self._task is None and not self._closed:
            self.position = self._log.size
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for rows in self._log.follow(self.position):
                self._hand_on(rows)
        except FabricError as error:  # a damaged log: whoever follows is told
            for follower in list(self._followers):
                follower.end(error)
        finally:
            self._end()

    def _hand_on(self, rows: Sequence[Row]) -> None:
        noted = []
        for row in rows:
            if row.body is None:
                continue
            if self._followers:
                check_row(row)
            noted.append(_noted(row))
        self.position = rows[-1].number + 1
        for observer in list(self._observers):
            try:
                for one in noted:
                    observer(one)
            except Exception as error:  # whoever measures must not end the streams of those who read
                self._observers.remove(observer)
                self.faults.append(f"{type(error).__name__} at entry {one.index}: {error}"[:300])
        if any(one.kind in _LEAVE for one in noted):
            self.look_again()
        for follower in list(self._followers):
            if found := [one for one in noted if follower.sees(one)]:
                follower.put(found)

    def _end(self) -> None:
        self._closed = True
        for follower in list(self._followers):
            follower.end(None)


def _noted(row: Row) -> Noted:
    assert row.body is not None
    return Noted(row, orjson.loads(row.body))
