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
from infrafabric.control.api.streams.pace import Pace, Paced
from infrafabric.control.feed import Follower
from infrafabric.kernel.errors import FabricError

__all__ = ["EventStream"]

RETRY_MS = 2_000
"""After which a browser tries again."""


class EventStream(Response):
    """Hands a follower's entries to one caller until either side ends it. `held` is given back then."""

    media_type = "text/event-stream"

    def __init__(self, follower: Follower, held: ExitStack, pace: Pace) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._follower = follower
        self._held = held
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            async with self._follower as follower:
                gone = asyncio.create_task(self._gone(receive))
                try:
                    with self._pace.keep(follower.nudge, follower.check) as paced:
                        await self._flow(send, paced)
                finally:
                    gone.cancel()

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._follower.end(None)

    async def _flow(self, send: Send, paced: Paced) -> None:
        loop, follower = asyncio.get_running_loop(), self._follower

        async def out(message: Message) -> None:
            paced.sending_since = loop.time()
            await send(message)
            paced.idle_since, paced.sending_since = paced.sending_since, 0.0

        await out({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await out(_body(b"retry: %d\n%b" % (RETRY_MS, self._mark())))
        try:
            while (found := await follower.wait()) != ():
                if found is None:
                    await out(_body(b":\n" + self._mark()))
                else:
                    await out(_body(b"".join([one.block for one in found])))
        except FabricError as error:
            problem = orjson.dumps({**problem_of(error), "resume": follower.mark})
            await out(_body(b"event: stream.cut\ndata: %b\n\n" % problem))
        await out({"type": "http.response.body", "body": b"", "more_body": False})

    def _mark(self) -> bytes:
        return b"id: %d\n\n" % self._follower.mark


def _body(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}
