"""Turns at a target: a fair queue with a bounded number of holders and of waiters."""

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
    limit: int
    granted: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class _Queue:
    holders: list[_Turn] = field(default_factory=list)
    waiters: deque[_Turn] = field(default_factory=deque)
    held_s: float = 0.0
    """How long a turn lasted lately."""

    def admits(self, turn: _Turn) -> bool:
        return len(self.holders) < min([turn.limit, *(holder.limit for holder in self.holders)])

    def advance(self) -> None:
        """Hand free places to those in front. Done by who leaves, so that no latecomer gets in between."""
        while self.waiters and self.admits(self.waiters[0]):
            turn = self.waiters.popleft()
            self.holders.append(turn)
            turn.granted.set()


class Turns:
    """Turns by target name, first come, first served. For one event loop."""

    def __init__(self, waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`waiting` is how many may wait for one target."""
        self._waiting = waiting
        self._clock = clock
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def turn(self, target: str, limit: int) -> AsyncIterator[None]:
        """Wait for, hold and give back a turn at `target`.

        While it is held there are at most `limit` holders, and no more than any other holder's `limit` allows. Raises
        IF_ERR_BUSY, with `retry_after` guessed from how long turns last, where too many wait already.
        """
        if limit < 1:
            raise ValueError("a turn needs a limit of at least 1")
        queue = self._queues.setdefault(target, _Queue())
        turn = _Turn(limit)
        await self._enter(target, queue, turn)
        since = self._clock()
        try:
            yield
        finally:
            held = self._clock() - since
            queue.held_s = held if queue.held_s == 0 else 0.8 * queue.held_s + 0.2 * held
            self._leave(target, queue, turn)

    def holders(self, target: str) -> int:
        return len(self._queues[target].holders) if target in self._queues else 0

    def waiters(self, target: str) -> int:
        return len(self._queues[target].waiters) if target in self._queues else 0

    async def _enter(self, target: str, queue: _Queue, turn: _Turn) -> None:
        if not queue.waiters and queue.admits(turn):
            queue.holders.append(turn)
            return
        if len(queue.waiters) >= self._waiting:
            retry_after = max(1.0, queue.held_s * len(queue.waiters) / len(queue.holders))
            raise FabricError(
                Code.BUSY, f"{len(queue.waiters)} actions wait for {target} already", retry_after=retry_after
            )
        queue.waiters.append(turn)
        try:
            await turn.granted.wait()
        except BaseException:  # cancelled: as a waiter, or as a holder that has not noticed yet
            self._leave(target, queue, turn)
            raise

    def _leave(self, target: str, queue: _Queue, turn: _Turn) -> None:
        (queue.holders if turn in queue.holders else queue.waiters).remove(turn)
        queue.advance()
        if not queue.holders and not queue.waiters:
            del self._queues[target]
