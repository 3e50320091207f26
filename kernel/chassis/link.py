"""One worker as the kernel sees it: a process and a socket, requests answered in order, an end that is noticed."""

from __future__ import annotations

import asyncio
import subprocess
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from infrafabric.kernel.chassis.process import spawn_worker
from infrafabric.kernel.chassis.wire import Decoder, FrameError, encode
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Link", "WorkerGone"]

STALL_S = 60.0
"""A worker that answers nothing for so long is killed. Epochs end a guest far sooner: this is for what they miss."""
START_S = 30.0


class WorkerGone(Exception):
    """The worker ended before it answered. `began`: it may have been running what was asked."""

    def __init__(self, began: bool) -> None:
        super().__init__("the sandbox worker ended")
        self.began = began


class Link(asyncio.Protocol):
    """Made by `Link.start`. `pid`, and what the worker said of its confinement, are known from then on."""

    def __init__(self, gone: Callable[[Link], None]) -> None:
        self.pid = 0
        self.confined: tuple[str, ...] = ()
        self.missing: tuple[str, ...] = ()
        self.alive = True
        self._gone = gone
        self._decoder = Decoder()
        self._pending: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._transport: asyncio.Transport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def start(
        cls, component: int, gone: Callable[[Link], None], *, slots: int, preload: int, memory_bytes: int
    ) -> Link:
        """Spawn a worker and wait until it is confined and ready. Raises IF_ERR_SANDBOX_UNAVAILABLE."""
        link = cls(gone)
        greeting: asyncio.Future[dict[str, Any]] = link._loop.create_future()
        link._pending.append(greeting)
        try:
            process, ours = spawn_worker(component, slots=slots, preload=preload, memory_bytes=memory_bytes)
        except OSError as error:
            raise FabricError(Code.SANDBOX_UNAVAILABLE, f"no worker can be started: {error.strerror}") from None
        link._process, link.pid = process, process.pid
        try:
            await link._loop.create_connection(lambda: link, sock=ours)
            async with asyncio.timeout(START_S):
                said = await greeting
        except (TimeoutError, WorkerGone):
            link.kill()
            raise FabricError(Code.SANDBOX_UNAVAILABLE, "a sandbox worker ended as it started") from None
        except BaseException:
            link.kill()
            raise
        if "fault" in said:
            link.kill()
            raise FabricError(Code.SANDBOX_UNAVAILABLE, f"a sandbox worker cannot start: {said['message']}")
        link.confined = tuple(said["applied"])
        link.missing = (*said["missing"], *((said["note"],) if said["note"] else ()))
        return link

    def request(self, message: dict[str, Any], blob: bytes = b"") -> asyncio.Future[dict[str, Any]]:
        """The answer to come. Fails with WorkerGone. To cancel it leaves the worker to finish what was asked."""
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        if not self.alive or self._transport is None:
            answer.set_exception(WorkerGone(began=False))
            return answer
        self._pending.append(answer)
        self._transport.write(encode(message, blob))
        if self._watch is None:
            self._watch = self._loop.call_later(STALL_S, self.kill)
        return answer

    def post(self, message: dict[str, Any]) -> None:
        """Say something that is not answered."""
        if self.alive and self._transport is not None:
            self._transport.write(encode(message))

    def kill(self) -> None:
        """End the worker now. What it had in hand fails as if it had crashed."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._transport is not None:
            self._transport.abort()

    async def reaped(self) -> None:
        """Return when the process is no more."""
        if self._process is not None:
            while self._process.poll() is None:  # noqa: ASYNC110  no watcher of processes is the same everywhere
                await asyncio.sleep(0.005)

    # --- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports derive from no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for message, _ in self._decoder.feed(data):
                answer = self._pending.popleft()
                if not answer.done():
                    answer.set_result(message)
        except (FrameError, IndexError):
            self.kill()  # it speaks out of turn or not in frames: no worker of ours
            return
        if self._watch is not None:
            self._watch.cancel()
            self._watch = self._loop.call_later(STALL_S, self.kill) if self._pending else None

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self._watch is not None:
            self._watch.cancel()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._gone(self)
        for place, answer in enumerate(self._pending):
            if not answer.done():
                answer.set_exception(WorkerGone(began=place == 0))
                answer.exception()  # seen, should nobody be waiting any more
        self._pending.clear()
