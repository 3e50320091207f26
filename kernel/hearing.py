"""Hearing that a target changed, where its manifest says how: the kernel then looks at once instead of later.

What is told decides nothing. Signals that cannot be had cost nothing but the wait between two looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.parts import Halt, Journey
from infrafabric.kernel.planning import Planned
from infrafabric.kernel.ports import Signals

__all__ = ["hearing", "pause"]

LISTEN_S = 2.0
"""How long the opening of signals may hold up an apply."""


@asynccontextmanager
async def hearing(journey: Journey, planned: Planned) -> AsyncIterator[Signals | None]:
    """The target's signals while changes that need time settle; None where there are none to have."""
    manifest = journey.capability.manifest
    settles = any(manifest.effects[change.effect].settle_s for change in planned.plan.changes)
    if manifest.signals is None or not settles or journey.ask.purpose == "dry_run":
        yield None
        return
    async with AsyncExitStack() as stack:
        signals: Signals | None = None
        try:
            driver = journey.parts.driver(manifest.signals.driver or manifest.driver)
            opening = driver.signals(manifest, journey.target, journey.secrets)
            if opening is not None:
                async with asyncio.timeout(LISTEN_S):
                    signals = await stack.enter_async_context(opening)
        except (FabricError, TimeoutError):
            signals = None
        yield signals


async def pause(seconds: float, signals: Signals | None, least: float, halt: Halt) -> None:
    """Let `seconds` pass, or less where the target tells of a change meanwhile; at least `least` in that case.

    It ends at once where the action is to stop.
    """
    if signals is None:
        await halt.rest(seconds)
        return
    await halt.rest(min(least, seconds))
    left = seconds - least
    if left <= 0 or halt.asked:
        return
    began = asyncio.get_running_loop().time()
    try:
        await halt.rest(left, signals.wait())
    except FabricError:  # the connection is gone: what is left is looking now and then
        await halt.rest(max(0.0, left - (asyncio.get_running_loop().time() - began)))
