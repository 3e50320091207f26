"""One clock for many streams: heartbeats for those that are idle, an end for those whose reader takes nothing, and a
look at the leave of all, since credentials end by time as well.

A timer for every wait and every send would cost more than what is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from infrafabric.kernel.errors import FabricError

__all__ = ["HEARTBEAT_S", "SLOW_S", "Pace", "Paced"]

HEARTBEAT_S = 15.0
"""Below what proxies take for an idle connection."""
SLOW_S = 20.0
"""In which what was sent must find room at the other end: beyond it the connection is given up."""
_TICK_S = 1.0


class Paced:
    """A stream under the clock. Its owner says when it sends."""

    __slots__ = ("_check", "_checked", "_nudge", "_task", "given_up", "idle_since", "sending_since")

    def __init__(self, nudge: Callable[[], None], check: Callable[[], None], now: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._nudge = nudge
        self._check = check
        self._checked = now
        self.idle_since = now
        """Seconds of the loop's clock; of the last heartbeat or message."""
        self.sending_since = 0.0
        """0 while nothing is being sent."""
        self.given_up = False
        """Whether its task was cancelled because nothing can be sent."""

    def look(self, now: float) -> None:
        if now - self._checked > HEARTBEAT_S:
            self._checked = now
            with suppress(FabricError):  # the check itself ends the stream with it
                self._check()
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
    def keep(self, nudge: Callable[[], None], check: Callable[[], None]) -> Iterator[Paced]:
        """Look after the stream of the present task: `nudge` is called where it was idle for HEARTBEAT_S, `check` every
        HEARTBEAT_S whether it is idle or not; it ends the stream itself where it raises FabricError. Where a send takes
        longer than SLOW_S the block ends, quietly, with `given_up` set."""
        stream = Paced(nudge, check, asyncio.get_running_loop().time())
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
