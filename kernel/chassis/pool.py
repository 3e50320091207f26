"""Which worker serves whom. A worker serves one publisher from its first guest to its end.

As many workers live as are in use, up to a limit; where another publisher needs one, the idlest makes room. A run sits
on a *seat*: one guest's slot in one worker. A run that waits for the world may lose its seat (after a while, or sooner
when others want it) and is brought back later from its recorded answers. Workers that serve nobody yet are kept ready.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass

from infrafabric.kernel.chassis.link import Link
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Load", "Pool", "PoolLimits", "Seat", "Worker"]

PRESSED_S = 0.02
"""A run that has waited for the world that long gives its seat to one that wants to compute."""
TIDYING_S = 0.005
"""A worker whose last run has just ended is dropping its guest and loading the next: another core may be quicker."""
PATIENCE_S = 0.25
"""A publisher without a worker waits that long for an idle one; then one is closed to new runs for its sake. Longer
than a worker takes to start, or publishers in turn would do nothing but start workers."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    workers: int
    workers_each: int
    """Of one publisher."""
    spares: int
    seats: int
    """Guests with a run, in one worker."""
    preload: int
    memory_bytes: int
    evict_after_s: float
    recycle_after: int
    """Runs after which a worker is replaced, lest anything builds up in it."""


@dataclass(slots=True, eq=False)
class Worker:
    link: Link
    publisher: str = ""
    seats: int = 0
    """Taken now."""
    runs: int = 0
    idle_since: float = 0.0
    closing: bool = False
    defined: dict[str, asyncio.Future[None]] | None = None
    """Adapters that it was told of."""


@dataclass(slots=True, eq=False)
class Seat:
    worker: Worker
    run: str
    waits_since: float | None = None
    """When the run began to wait for the world; None while its guest computes."""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """What a pool does now."""

    workers: int
    """That serve a publisher."""
    spares: int
    """That are ready and serve nobody yet."""
    seats: int
    """Guests with a run."""
    waiting: int
    """Runs that wait for a seat."""


class Pool:
    """`component` is a descriptor of the compiled component of python/1; the pool closes it."""

    def __init__(self, component: int, limits: PoolLimits) -> None:
        self._component, self._limits = component, limits
        self._loop = asyncio.get_running_loop()
        self._workers: list[Worker] = []
        self._spares: deque[Link] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._queue: deque[tuple[str, str, float, asyncio.Future[Seat]]] = deque()
        self._seats: dict[Seat, None] = {}  # in order of taking
        self._timer: asyncio.TimerHandle | None = None
        self._burials: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(link.pid for link in (*self._spares, *(worker.link for worker in self._workers)))

    @property
    def load(self) -> Load:
        waiting = sum(not turn.done() for _, _, _, turn in self._queue)
        return Load(len(self._workers), len(self._spares), len(self._seats), waiting)

    @property
    def at_ease(self) -> bool:
        """Whether fewer runs sit than one worker has guests ready, and none waits for a seat."""
        return not self._queue and len(self._seats) < self._limits.preload

    # --- seats ------------------------------------------------------------------------------------------------------

    async def seat(self, publisher: str, run: str) -> Seat:
        """A slot for the run's guest, in turn. Raises IF_ERR_SANDBOX_UNAVAILABLE when no worker can be started."""
        if self._closed:
            raise _closed()
        if not self._queue:
            seat = self._place(publisher, run, waited=0.0)
            if seat is not None:
                return seat
        turn: asyncio.Future[Seat] = self._loop.create_future()
        self._queue.append((publisher, run, self._loop.time(), turn))
        self._pump()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release(turn.result())
            raise

    def release(self, seat: Seat) -> None:
        """The run is over or gone; its guest is dropped."""
        if self._seats.pop(seat, seat) is None:
            self._leave(seat)
        self._pump()

    def waits(self, seat: Seat) -> None:
        """The run now waits for the world."""
        seat.waits_since = self._loop.time()
        if self._queue:
            self._pump()
        else:
            self._arm(self._limits.evict_after_s)

    def wakes(self, seat: Seat) -> bool:
        """The world answered. False: the seat was lost meanwhile, and the run has to be brought back on another."""
        seat.waits_since = None
        return not seat.lost

    def evict(self, seat: Seat) -> None:
        """Take the seat of a run that waits."""
        if self._seats.pop(seat, seat) is None:
            self._leave(seat)

    def _leave(self, seat: Seat) -> None:
        seat.lost = True
        worker = seat.worker
        worker.link.post({"do": "drop", "run": seat.run})
        worker.seats -= 1
        if worker.seats == 0:
            worker.idle_since = self._loop.time()
            if worker.closing or worker.runs >= self._limits.recycle_after:
                self._retire(worker)

    # --- who sits where ---------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Give seats to as many of the queue as can have one, in order; a publisher that waits holds up no other."""
        now = self._loop.time()
        waiting: deque[tuple[str, str, float, asyncio.Future[Seat]]] = deque()
        stuck: set[str] = set()
        while self._queue:
            publisher, run, since, turn = entry = self._queue.popleft()
            if turn.done():
                continue
            seat = None if publisher in stuck else self._place(publisher, run, waited=now - since)
            if seat is not None:
                turn.set_result(seat)
            else:
                stuck.add(publisher)
                waiting.append(entry)
        self._queue = waiting
        if waiting:
            self._arm(PRESSED_S / 2)

    def _place(self, publisher: str, run: str, waited: float) -> Seat | None:
        own = [worker for worker in self._workers if worker.publisher == publisher and not worker.closing]
        best = min(own, key=lambda worker: (worker.seats, worker.idle_since), default=None)
        if best is None or best.seats > 0 or self._loop.time() - best.idle_since < TIDYING_S:
            best = self._assign(publisher) or best  # spread over the cores while there is room
        if best is None and not own:
            best = self._take_over(publisher, waited)
        if best is not None and best.seats >= self._limits.seats:
            best = self._press(best)
        if best is None:
            return None
        best.seats += 1
        best.runs += 1
        seat = Seat(best, run)
        self._seats[seat] = None
        return seat

    def _assign(self, publisher: str) -> Worker | None:
        """A new worker for the publisher, where there may be one more."""
        if len(self._workers) >= self._limits.workers:
            return None
        if sum(worker.publisher == publisher for worker in self._workers) >= self._limits.workers_each:
            return None
        if not self._spares:
            self._replenish(wanted=1)
            return None
        worker = Worker(self._spares.popleft(), publisher, defined={})
        self._workers.append(worker)
        self._replenish()
        return worker

    def _take_over(self, publisher: str, waited: float) -> Worker | None:
        """Let the idlest worker of another publisher make room."""
        if len(self._workers) < self._limits.workers:
            return None  # there is room, and a worker is on its way
        idle = [worker for worker in self._workers if self._all_wait(worker)]
        if idle:
            victim = min(idle, key=lambda worker: (worker.seats > 0, worker.idle_since))
            for seat in [seat for seat in self._seats if seat.worker is victim]:
                self.evict(seat)
            if victim in self._workers:
                self._retire(victim)
            return self._assign(publisher)
        if waited >= PATIENCE_S and not any(worker.closing for worker in self._workers):
            min(self._workers, key=lambda worker: worker.seats).closing = True
        return None

    def _all_wait(self, worker: Worker) -> bool:
        now = self._loop.time()
        return all(self._long(seat, now) for seat in self._seats if seat.worker is worker)

    def _press(self, worker: Worker) -> Worker | None:
        """Make room in a full worker by taking the seat of the run that has waited longest."""
        now = self._loop.time()
        waiting = [seat for seat in self._seats if seat.worker.publisher == worker.publisher and self._long(seat, now)]
        if not waiting:
            return None
        victim = min(waiting, key=lambda seat: seat.waits_since or 0.0)
        self.evict(victim)
        return victim.worker if victim.worker in self._workers and not victim.worker.closing else None

    @staticmethod
    def _long(seat: Seat, now: float, least: float = PRESSED_S) -> bool:
        return seat.waits_since is not None and now - seat.waits_since >= least

    def _arm(self, delay: float) -> None:
        when = self._loop.time() + delay
        if self._timer is not None and not self._timer.cancelled():
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        """Take the seats of runs that wait long, whether or not anyone wants them, and look at the queue again."""
        self._timer = None
        now = self._loop.time()
        nearest: float | None = None
        for seat in list(self._seats):
            if seat.waits_since is None:
                continue
            left = seat.waits_since + self._limits.evict_after_s - now
            if left <= 0:
                self.evict(seat)
            else:
                nearest = left if nearest is None else min(nearest, left)
        self._pump()
        if nearest is not None:
            self._arm(nearest)

    # --- workers ----------------------------------------------------------------------------------------------------

    async def open(self) -> Link:
        """Start the first worker and wait for it; others follow as they are needed."""
        link = await self._start()
        self._spares.append(link)
        return link

    def _replenish(self, wanted: int = 0) -> None:
        """Keep workers ready that serve nobody yet, so that a publisher need not wait for a start."""
        while not self._closed and len(self._spares) + len(self._starting) < max(self._limits.spares, wanted):
            task = self._loop.create_task(self._add_spare())
            self._starting.add(task)
            task.add_done_callback(self._started)

    async def _add_spare(self) -> None:
        self._spares.append(await self._start())

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            queue, self._queue = self._queue, deque()
            for _, _, _, turn in queue:
                if not turn.done():
                    turn.set_exception(error)
        self._pump()

    async def _start(self) -> Link:
        limits = self._limits
        return await Link.start(
            self._component,
            self._gone,
            slots=limits.seats + limits.preload,
            preload=limits.preload,
            memory_bytes=limits.memory_bytes,
        )

    def _retire(self, worker: Worker) -> None:
        self._workers.remove(worker)
        worker.link.kill()

    def _gone(self, link: Link) -> None:
        """A worker's process ended, by our hand or its own. Runs that only waited can be brought back elsewhere."""
        burial = self._loop.create_task(link.reaped())
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)
        if link in self._spares:
            self._spares.remove(link)
        for worker in [worker for worker in self._workers if worker.link is link]:
            self._workers.remove(worker)
            for seat in [seat for seat in self._seats if seat.worker is worker]:
                seat.lost = True
                del self._seats[seat]
        if not self._closed:
            self._loop.call_soon(self._pump)

    def forget(self, adapter: str) -> None:
        """Drop the adapter's guests that are loaded ahead, everywhere."""
        for worker in self._workers:
            if worker.defined is not None and worker.defined.pop(adapter, None) is not None:
                worker.link.post({"do": "forget", "adapter": adapter})

    async def close(self) -> None:
        """End every worker and wait until each is gone."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        starting = list(self._starting)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        for _, _, _, turn in self._queue:
            if not turn.done():
                turn.set_exception(_closed())
        self._queue.clear()
        links = [*self._spares, *(worker.link for worker in self._workers)]
        for link in links:
            link.kill()
        for link in links:
            await link.reaped()
        await asyncio.sleep(0)  # for what the ends of their sockets called
        await asyncio.gather(*self._burials)
        if self._component >= 0:
            os.close(self._component)
            self._component = -1


def _closed() -> FabricError:
    return FabricError(Code.SANDBOX_UNAVAILABLE, "the sandbox was closed")
