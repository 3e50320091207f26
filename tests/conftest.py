"""Fixtures that every folder's tests share."""

from __future__ import annotations

import pytest

pytest_plugins = (
    "foreign_guests",
    "homeassistant_house",
    "homes",
    "http_peer",
    "lasting_peers",
    "obs_double",
    "obs_peer",
    "press",
    "sandbox",
    "world",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
