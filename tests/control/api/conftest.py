"""Clients whose every answer is held against the OpenAPI document."""

from __future__ import annotations

import httpx
import pytest
from described import Described
from served import Served


@pytest.fixture
async def described(served: Served) -> Described:
    """The document of the served house."""
    return Described((await (await served.operator()).get("/v1/openapi.json")).json())


@pytest.fixture
async def api(served: Served, described: Described) -> httpx.AsyncClient:
    """The home's operator, with every scope."""
    return described.checking(await served.operator())
