"""Waiting that can be broken off: for a rate that is reached, or for a time to pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["COUNTED", "PATIENCE_S", "happens", "patiently"]

PATIENCE_S = 60.0
"""How long one step waits in all for a rate limit: longer lists than a manifest's burst must not fail for it."""

COUNTED = frozenset({Code.RATE_LIMITED, Code.BUSY})
"""What turns an ask away without an entry in the log: it is not begun, and may be made again."""


async def patiently(act: Callable[[], Awaitable[Report]], stopping: asyncio.Event) -> Report:
    """`act`, again and again while it is turned away for its rate alone, for at most `PATIENCE_S`.

    Raises IF_ERR_INTERRUPTED when `stopping` is set meanwhile: nothing was begun then. What is under way is ended.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await act()
        except FabricError as error:
            if error.code not in COUNTED:
                raise
            wait = error.retry_after or 1.0
            if time.monotonic() + wait > deadline:
                raise
        if await happens(stopping, wait):
            raise FabricError(Code.INTERRUPTED, "stopped while it waited for its rate")


async def happens(event: asyncio.Event, within_s: float) -> bool:
    """Whether `event` is set within `within_s` seconds; as soon as it is."""
    try:
        async with asyncio.timeout(within_s):
            return await event.wait()
    except TimeoutError:
        return False
