"""The drivers' tests run on both loops, also in a run of all tests."""

from __future__ import annotations

import asyncio
from typing import Any


async def test_a_test_runs_on_the_loop_that_it_names(anyio_backend: tuple[str, dict[str, Any]]) -> None:
    loop = type(asyncio.get_running_loop()).__module__
    assert loop.startswith("uvloop") == anyio_backend[1]["use_uvloop"], loop
