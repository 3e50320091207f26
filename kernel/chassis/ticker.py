"""How a worker counts its guests' CPU time: epochs of the engine, advanced by a thread's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wasmtime import Engine

__all__ = ["EPOCH_S", "Ticker"]

EPOCH_S = 0.01


class Ticker:
    """Advances the engines' epoch by the CPU time of the guest thread, so that waiting for a busy core costs nothing.

    Where the system has no such clock the epoch follows the wall clock while a call is under way.
    """

    def __init__(self, engines: tuple[Engine, ...], thread: int) -> None:
        self._engines = engines
        self._clock: Callable[[], float] = time.monotonic
        get_clock = getattr(time, "pthread_getcpuclockid", None)
        if get_clock is not None:
            clock = get_clock(thread)
            self._clock = lambda: time.clock_gettime(clock)
        self._work = threading.Event()
        self._asleep = False
        self._touched = 0

    def touch(self) -> None:
        """Called by the guest thread as work arrives."""
        self._touched += 1
        if self._asleep:
            self._work.set()

    def run(self, over: threading.Event) -> None:
        last, seen, quiet = self._clock(), 0, 0
        while not over.is_set():
            time.sleep(EPOCH_S)
            now = self._clock()
            while now - last >= EPOCH_S:
                for engine in self._engines:
                    engine.increment_epoch()
                last += EPOCH_S
            if self._touched != seen:
                seen, quiet = self._touched, 0
            elif now - last < EPOCH_S / 10:
                quiet += 1
            if quiet > 100:  # nothing to count: wake up when there is, not a hundred times a second
                self._asleep = True
                if self._touched == seen:
                    self._work.wait(60)
                self._asleep, quiet = False, 0
                self._work.clear()
