"""Turns at a target: a queue with a bounded number of holders and of waiters, in which talents take turns."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Turns"]


@dataclass(eq=False, slots=True)
class _Turn:
    talent: str
    limit: int
    granted: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class _Queue:
    holders: list[_Turn] = field(default_factory=list)
    waiters: dict[str, deque[_Turn]] = field(default_factory=dict)
    """By talent, each in order of asking; the talents in the order in which it is their turn."""
    held_s: float = 0.0
    """How long a turn lasted lately."""

    @property
    def waiting(self) -> int:
        return sum(map(len, self.waiters.values()))

    def admits(self, turn: _Turn) -> bool:
        return len(self.holders) < min([turn.limit, *(holder.limit for holder in self.holders)])

    def enqueue(self, turn: _Turn) -> None:
        self.waiters.setdefault(turn.talent, deque()).append(turn)

    def advance(self) -> None:
        """Hand free places to those in front. Done by who leaves, so that no latecomer gets in between."""
        while self.waiters:
            talent, mine = next(iter(self.waiters.items()))
            if not self.admits(mine[0]):
                return
            turn = mine.popleft()
            del self.waiters[talent]
            if mine:
                self.waiters[talent] = mine  # behind the other talents
            self.holders.append(turn)
            turn.granted.set()

    def drop(self, turn: _Turn) -> None:
        """Take out a holder or a waiter."""
        if turn in self.holders:
            self.holders.remove(turn)
            return
        mine = self.waiters[turn.talent]
        mine.remove(turn)
        if not mine:
            del self.waiters[turn.talent]

    def guess(self, before: int) -> float:
        """Seconds until a place is free for who has so many before it."""
        return max(1.0, self.held_s * before / len(self.holders))


class Turns:
    """Turns by target name. Talents that wait are let in one after the other, each with its oldest ask: however many
    asks a talent has waiting, another's waits for one of them at most. For one event loop."""

    def __init__(self, waiting: int, clock: Callable[[], float] = time.monotonic, *, each: int | None = None) -> None:
        """`waiting` is how many may wait for one target, `each` how many of one talent (None: as many)."""
        self._waiting = waiting
        self._each = waiting if each is None else min(each, waiting)
        self._clock = clock
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def turn(self, target: str, limit: int, talent: str = "") -> AsyncIterator[None]:
        """Wait for, hold and give back a turn at `target`.

        While it is held there are at most `limit` holders, and no more than any other holder's `limit` allows. Raises
        IF_ERR_BUSY, with `retry_after` guessed from how long turns last, where too many wait already.
        """
        if limit < 1:
            raise ValueError("a turn needs a limit of at least 1")
        queue = self._queues.setdefault(target, _Queue())
        turn = _Turn(talent, limit)
        await self._enter(target, queue, turn)
        since = self._clock()
        try:
            yield
        finally:
            held = max(0.0, self._clock() - since)
            queue.held_s = held if queue.held_s == 0 else 0.8 * queue.held_s + 0.2 * held
            self._leave(target, queue, turn)

    def holders(self, target: str) -> int:
        return len(self._queues[target].holders) if target in self._queues else 0

    def waiters(self, target: str) -> int:
        return self._queues[target].waiting if target in self._queues else 0

    @property
    def totals(self) -> tuple[int, int]:
        """Holders and waiters of all targets."""
        queues = self._queues.values()
        return sum(len(queue.holders) for queue in queues), sum(queue.waiting for queue in queues)

    async def _enter(self, target: str, queue: _Queue, turn: _Turn) -> None:
        if not queue.waiters and queue.admits(turn):
            queue.holders.append(turn)
            return
        mine = len(queue.waiters.get(turn.talent, ()))
        if (waiting := queue.waiting) >= self._waiting:
            message = f"{waiting} actions wait for {target} already"
            raise FabricError(Code.BUSY, message, retry_after=queue.guess(waiting))
        if mine >= self._each:
            message = f"{mine} actions of {turn.talent or 'this talent'} wait for {target} already"
            before = min(mine * len(queue.waiters), waiting)
            raise FabricError(Code.BUSY, message, retry_after=queue.guess(before))
        queue.enqueue(turn)
        try:
            await turn.granted.wait()
        except BaseException:  # cancelled: as a waiter, or as a holder that has not noticed yet
            self._leave(target, queue, turn)
            raise

    def _leave(self, target: str, queue: _Queue, turn: _Turn) -> None:
        queue.drop(turn)
        queue.advance()
        if not queue.holders and not queue.waiters:
            del self._queues[target]
