"""A served house on a real socket: uvicorn in the test's own loop, and a reader of its event streams."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from served import Served
from world import Peer

from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.things import Talent


@dataclass
class Event:
    """A server-sent event, as it came."""

    id: str
    name: str
    data: Any


@dataclass
class Stream:
    """An open event stream. `mark` is the last id that was seen, `comments` the heartbeats."""

    response: httpx.Response
    mark: str = ""
    comments: int = 0
    _lines: AsyncIterator[str] | None = None

    async def next(self) -> Event | None:
        """The next event; None where the stream is over."""
        if self._lines is None:
            self._lines = self.response.aiter_lines()
        name, data = "", ""
        async for line in self._lines:
            if line.startswith("id: "):
                self.mark = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data += line[6:]
            elif line.startswith(":"):
                self.comments += 1
            elif not line and data:
                return Event(self.mark, name, json.loads(data))
        return None

    async def opened(self) -> None:
        """Return once the stream has begun: from then on nothing is missed."""
        if self._lines is None:
            self._lines = self.response.aiter_lines()
        async for line in self._lines:
            self.comments += line.startswith(":")
            if line.startswith("id: "):
                self.mark = line[4:]
                return

    async def many(self, count: int) -> list[Event]:
        found = []
        for _ in range(count):
            event = await self.next()
            assert event is not None, "the stream ended"
            found.append(event)
        return found


@dataclass
class Listening:
    """A served house, and where it listens."""

    served: Served
    port: int
    server: uvicorn.Server
    peer: Peer = field(init=False)

    def __post_init__(self) -> None:
        self.peer = self.served.world.peer

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str = "") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=None)
        made = httpx.AsyncClient(base_url=self.base, headers=headers, trust_env=False, timeout=30, limits=limits)
        self.served.clients.append(made)
        return made

    @asynccontextmanager
    async def stream(self, key: str, path: str = "/v1/events", **headers: str) -> AsyncIterator[Stream]:
        async with self.client(key).stream("GET", path, headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
                raise AssertionError(f"{response.status_code}: {response.text}")
            stream = Stream(response)
            await stream.opened()
            yield stream

    async def talent(self, name: str, tenant: str = "default", *roles: str, revoke: bool = False) -> str:
        """A talent as an operator sets it, or revokes it; its id."""
        talent = Talent(id=f"if://service/{name}", tenant=tenant, roles=roles)
        operator = self.served.house.operator(new_trace_id())
        change = "revoked" if revoke else "set"
        await self.served.house.record(operator.talent(talent, "a test", change))  # type: ignore[arg-type]
        return talent.id


@asynccontextmanager
async def listening_house(served: Served) -> AsyncIterator[Listening]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        config = uvicorn.Config(
            served.app, lifespan="off", log_config=None, access_log=False, ws="websockets-sansio",
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server._serve([bound]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield Listening(served, bound.getsockname()[1], server)
        finally:
            await served.service.end_streams()
            server.should_exit = True
            await task


@pytest.fixture
async def listening(served: Served) -> AsyncIterator[Listening]:
    async with listening_house(served) as found:
        yield found
