"""The HTTP server: uvicorn on sockets that are bound already, ended by whoever opened it."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from infrafabric.control.door_settings import ServeSettings
from infrafabric.control.serving.guarded import Limits, guarded, sweeping
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Web", "web"]

STARTED_S = 0.005
"""How often it is looked whether the server has started."""


class Web(uvicorn.Server):
    """A server that leaves signals to others."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end(self) -> None:
        """Take no new connection and no further request; those in hand are waited for, for as long as was said."""
        self.should_exit = True


@asynccontextmanager
async def web(
    app: Any, serve: ServeSettings, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None
) -> AsyncIterator[Web]:
    """Serve `app` on `sockets`, which are closed at the end, for as long as it is open.

    At the end requests in hand have `[serve] stop_s` seconds.
    """
    limits = Limits(serve.connections, serve.header_bytes, serve.slow_s)
    config = uvicorn.Config(
        app,
        http=guarded(limits),
        ws="websockets-sansio",
        ws_max_size=serve.body_bytes,
        ws_per_message_deflate=False,  # so that a small frame stays a small one
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # who asks is whoever is connected
        server_header=False,
        timeout_graceful_shutdown=math.ceil(serve.stop_s),
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    server = Web(config)
    task = asyncio.create_task(server.serve(list(sockets)))
    try:
        while not server.started:
            if task.done():
                await task
                raise FabricError(Code.PORT_TAKEN, "the server ended before it began")
            await asyncio.sleep(STARTED_S)
        async with sweeping(server.server_state, serve.slow_s):
            yield server
    finally:
        server.end()
        await task
