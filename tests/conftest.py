"""Fixtures that every folder's tests share."""

from __future__ import annotations

import pytest

pytest_plugins = ("foreign_guests", "homes", "http_peer", "lasting_peers", "press", "sandbox", "world")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
