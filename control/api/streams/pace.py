"""One clock for many streams: heartbeats for those that are idle, an end for those whose reader takes nothing.

A timer for every wait and every send would cost more than what is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["HEARTBEAT_S", "SLOW_S", "Pace", "Paced"]

HEARTBEAT_S = 15.0
"""Below what proxies take for an idle connection."""
SLOW_S = 20.0
"""In which what was sent must find room at the other end: beyond it the connection is given up."""
_TICK_S = 1.0


class Paced:
    """A stream under the clock. Its owner says when it sends."""

    __slots__ = ("_nudge", "_task", "given_up", "idle_since", "sending_since")

    def __init__(self, nudge: Callable[[], None], now: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._nudge = nudge
        self.idle_since = now
        """Seconds of the loop's clock; of the last heartbeat or message."""
        self.sending_since = 0.0
        """0 while nothing is being sent."""
        self.given_up = False
        """Whether its task was cancelled because nothing can be sent."""

    def look(self, now: float) -> None:
        if self.sending_since:
            if now - self.sending_since > SLOW_S and not self.given_up:
                self.given_up = True
                self._task.cancel()
        elif now - self.idle_since > HEARTBEAT_S:
            self.idle_since = now
            self._nudge()


class Pace:
    """Looks at every stream about once a second, as long as there is one."""

    def __init__(self) -> None:
        self._streams: dict[Paced, None] = {}
        self._ticking: asyncio.Task[None] | None = None

    @contextmanager
    def keep(self, nudge: Callable[[], None]) -> Iterator[Paced]:
        """Look after the stream of the present task: `nudge` is called where it was idle for HEARTBEAT_S. Where a send
        takes longer than SLOW_S the block ends, quietly, with `given_up` set."""
        stream = Paced(nudge, asyncio.get_running_loop().time())
        self._streams[stream] = None
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
        try:
            yield stream
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not stream.given_up or task is None or task.uncancel() > 0:
                raise
        finally:
            del self._streams[stream]
            if not self._streams and self._ticking is not None:
                self._ticking.cancel()
                self._ticking = None

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_TICK_S, HEARTBEAT_S / 4, SLOW_S / 4))
            now = loop.time()
            for stream in list(self._streams):
                stream.look(now)
