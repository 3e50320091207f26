"""HTTP/1.1 connections with limits: how many, how slow, how long a head.

What uvicorn gives (a limit of tasks, an end to idle connections after an answer) leaves a caller who sends a byte now
and then, or nothing at all, a connection for ever. Here a head must be whole, and each further part of a body must
arrive, within a time; a sweep ends the connections that are overdue, so that nothing is set up for each part.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from infrafabric.control.api.problems import MEDIA_TYPE, problem_of
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Guarded", "Limits", "guarded", "sweeping"]

SWEEP_S = 1.0
"""How late a sweep may find that a connection is overdue, at most."""
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    connections: int
    header_bytes: int
    """Of a request's line and headers together."""
    slow_s: float
    """In which a head, and then each further part of the body, must arrive."""


class Guarded(HttpToolsProtocol):
    """One connection. `due` is when it is ended unless more arrives; NEVER while nothing is waited for."""

    limits: Limits

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:  # fmt: skip
        super().__init__(config, server_state, app_state, _loop)
        self.due = NEVER
        self._in_head = self._in_body = self._fresh = False
        """`_fresh`: the head that is being read began in the part that is being fed."""
        self._head = 0
        """Bytes of the head that is being read, as far as its lines are whole."""
        self._waiting = 0
        """Bytes that came since it began, but for the part that it began in."""
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.due = self.loop.time() + self.limits.slow_s
        if len(self.connections) > self.limits.connections:
            most = f"{self.limits.connections} connections are open already"
            self.refuse(503, FabricError(Code.BUSY, most, retry_after=1.0))

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._fresh = False
        super().data_received(data)
        if self._refused:
            return
        if self._in_body:
            self.due = self.loop.time() + self.limits.slow_s
        elif self._in_head and not self._fresh:
            self._waiting += len(data)
            if self._waiting > self.limits.header_bytes:
                self._too_large()

    # --- what the parser tells

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.due = self.loop.time() + self.limits.slow_s
        self._in_head, self._fresh, self._head, self._waiting = True, True, 0, 0

    def on_url(self, url: bytes) -> None:
        self._head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        if self._refused:
            return
        if self._head > self.limits.header_bytes:
            self._too_large()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.due = NEVER
        self._in_body = False
        if not self._refused:
            super().on_message_complete()

    # --- ending

    def overdue(self, now: float) -> bool:
        """Whether what was waited for has not come. A body that the application does not read yet is not late."""
        if now < self.due:
            return False
        if self.flow.read_paused:
            self.due = now + self.limits.slow_s
            return False
        return True

    def end_overdue(self) -> None:
        error = FabricError(Code.BUSY, f"the request did not arrive within {self.limits.slow_s:g} s")
        self.refuse(408, error)

    def refuse(self, status: int, error: FabricError) -> None:
        """Say why, where no answer has begun yet, and hang up."""
        self._refused, self.due = True, NEVER
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not begun and not self.transport.is_closing():
            shape = json.dumps({**problem_of(error), "status": status}).encode("ascii")
            head = [
                STATUS_LINE[status], b"content-type: ", MEDIA_TYPE.encode("ascii"), b"\r\ncontent-length: ",
                str(len(shape)).encode("ascii"), b"\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
            ]  # fmt: skip
            self.transport.write(b"".join([*head, shape]))
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            self.refuse(400, FabricError(Code.USAGE, "this is no HTTP request"))

    def _too_large(self) -> None:
        error = FabricError(Code.TOO_LARGE, f"the headers are longer than {self.limits.header_bytes} bytes")
        self.refuse(431, error)


def guarded(limits: Limits) -> type[Guarded]:
    """The class of connections under these limits, as uvicorn takes it."""
    return type("Guarded", (Guarded,), {"limits": limits})


@asynccontextmanager
async def sweeping(state: ServerState, slow_s: float) -> AsyncIterator[None]:
    """While it is open, end the connections on which what was waited for does not come."""
    task = asyncio.create_task(_sweep(state, min(SWEEP_S, slow_s / 4)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(state: ServerState, every_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_s)
        now = loop.time()
        for connection in list(state.connections):
            if isinstance(connection, Guarded) and connection.overdue(now):
                connection.end_overdue()
