"""Fixtures that every folder's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
settings.load_profile("untimed")

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
    "messaging",  # after what it is made of
    "served",
    "listening",
    "console_browser",
)


def pytest_configure() -> None:
    """Interrupts reach what the tests start, also where a shell ran them in the background and had them ignored."""
    # What is compiled for the tests' homes is kept from run to run, and not among the user's own.
    os.environ["INFRAFABRIC_CACHE"] = str(Path(__file__).parents[1] / ".chassis_cache" / "homes")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
