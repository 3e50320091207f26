"""A house whose API is served to the test itself: no socket, and credentials for whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp
from world import World

from infrafabric.control.api.app import create_app
from infrafabric.control.api.service import Service
from infrafabric.control.house import House
from infrafabric.control.operator import OPERATOR
from infrafabric.control.records.api_keys import new_key_text
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.names import new_trace_id, talent_id
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.signing import SigningKey

BASE = "http://127.0.0.1:8400"


@dataclass
class Served:
    """An open house behind its API."""

    world: World
    house: House
    service: Service
    app: ASGIApp
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    async def key(
        self, talent: str = OPERATOR, scopes: Iterable[AccessScope] = tuple(AccessScope), expires: str = ""
    ) -> str:
        """The text of a fresh API key of `talent`."""
        name, text = new_key_text()
        owner = self.house.authority.talent(talent)
        key = ApiKey(
            id=name,
            talent=talent,
            tenant=owner.tenant,
            digest=sha256(text.encode()),
            scopes=tuple(scopes),
            expires=expires,
        )
        await self.house.record(self.house.operator(new_trace_id()).api_key(key, "test"))
        return text

    async def talent(
        self, name: str, *, tenant: str = "default", roles: Iterable[str] = (), key: SigningKey | None = None
    ) -> str:
        """The id of a fresh agent."""
        value = Talent(
            id=talent_id(name), tenant=tenant, roles=tuple(roles), key=str(key.public) if key is not None else None
        )
        await self.house.record(self.house.operator(new_trace_id()).talent(value, "test"))
        return value.id

    def client(self, key: str = "", **headers: str) -> httpx.AsyncClient:
        """A client that shows `key` with every request; none where it is empty."""
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("127.0.0.1", 40_000))
        made = httpx.AsyncClient(transport=transport, base_url=BASE, headers={**shown, **headers})
        self.clients.append(made)
        return made

    async def operator(self) -> httpx.AsyncClient:
        """A client of the home's operator, who may do everything."""
        return self.client(await self.key())

    async def person(self, talent: str = OPERATOR) -> httpx.AsyncClient:
        """A browser at which that person sits: the home's operator, unless said otherwise."""
        client = self.client("", **{"User-Agent": "Firefox"})
        answer = await client.post("/v1/sessions", json={"token": self.service.sessions.link(talent)})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The test's own signals are none of its business."""
        yield


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """The port of loopback that `app` is served on, by the server that `ifctl up` uses."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_level="critical", proxy_headers=False, server_header=False
    )
    server = _Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:
            await anyio.sleep(0.01)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            server.force_exit = True


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    async with world.opened("acting") as house:
        service = Service.of(house, since=house.clock() - timedelta(hours=1))
        made = Served(world, house, service, create_app(service))
        yield made
        for client in made.clients:
            await client.aclose()
