"""A small application behind the connections of `ifctl up`, and a client that says what it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from infrafabric.control.door_settings import ServeSettings
from infrafabric.control.serving.listening import address_of, listen
from infrafabric.control.serving.web import Web, web

SLOW_S = 0.4


class Echo:
    """Answers with how much of a body came; `/later` waits until it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = asyncio.Event()
        self.asked: list[str] = []
        self.broken = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        self.asked.append(scope["path"])
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.broken += 1
                return
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if scope["path"] == "/later":
            self.waiting.set()
            await self.go.wait()
        body = str(size).encode()
        head = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[tuple[Echo, int, Web]]:
    chosen = ServeSettings(port=0, **settings)
    sockets = listen(address_of(chosen, development=True))
    port = sockets[0].getsockname()[1]
    echo = Echo()
    async with web(echo, chosen, sockets, None) as server:
        yield echo, port, server


async def said(port: int, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """All that comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause_s)
    found = await reader.read()
    writer.close()
    return found


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["code"]


CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
