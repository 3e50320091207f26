"""A house whose API is served to the test itself: no socket, and credentials for whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.types import ASGIApp
from world import World

from infrafabric.control.api.app import create_app
from infrafabric.control.api.service import Service
from infrafabric.control.house import House
from infrafabric.control.operator import OPERATOR
from infrafabric.control.records.api_keys import new_key_text
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.names import new_trace_id

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


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    async with world.opened("acting") as house:
        service = Service.of(house)
        made = Served(world, house, service, create_app(service))
        yield made
        for client in made.clients:
            await client.aclose()
