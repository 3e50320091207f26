"""Fixtures that every folder's tests share."""

from __future__ import annotations

import pytest

pytest_plugins = ("world",)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def answer() -> Callable[..., bytes]:
    """`http_answer`, which writes an HTTP answer."""
    return http_answer


@pytest.fixture
def unused_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
