"""Entries as server-sent events (WHATWG HTML, section 9.2).

Each has its index as the id, its kind as the name, and as data what `ifctl witness show --json` prints of it. Comments
keep the connection alive, and carry an id as well: where to go on, though nothing was for this follower.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from infrafabric.control.api.problems import problem_of
from infrafabric.control.feed import Follower
from infrafabric.kernel.errors import FabricError

__all__ = ["EventStream"]

HEARTBEAT_S = 15.0
"""Below what proxies take for an idle connection."""
SLOW_S = 20.0
"""In which what was sent must find room at the other end: beyond it the connection is given up."""
RETRY_MS = 2_000
"""After which a browser tries again."""


class EventStream(Response):
    """Hands a follower's entries to one caller until either side ends it. `held` is given back then."""

    media_type = "text/event-stream"

    def __init__(self, follower: Follower, held: ExitStack) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._follower = follower
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            async with self._follower:
                start: Message = {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
                await send(start)
                gone = asyncio.create_task(self._gone(receive))
                try:
                    await self._flow(send)
                except TimeoutError:
                    return  # it does not read: nothing that is sent would reach it
                finally:
                    gone.cancel()

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._follower.end(None)

    async def _flow(self, send: Send) -> None:
        await self._send(send, b"retry: %d\n%b" % (RETRY_MS, self._mark()))
        try:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        found = await self._follower.wait()
                except TimeoutError:
                    self._follower.check()
                    await self._send(send, b":\n" + self._mark())
                    continue
                if not found:
                    break
                await self._send(send, b"".join(one.block for one in found))
        except FabricError as error:
            problem = orjson.dumps({**problem_of(error), "resume": self._follower.mark})
            await self._send(send, b"event: stream.cut\ndata: %b\n\n" % problem)
        await self._send(send, b"", last=True)

    def _mark(self) -> bytes:
        return b"id: %d\n\n" % self._follower.mark

    @staticmethod
    async def _send(send: Send, body: bytes, *, last: bool = False) -> None:
        async with asyncio.timeout(SLOW_S):
            await send({"type": "http.response.body", "body": body, "more_body": not last})
