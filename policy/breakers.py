"""Breakers: calls to a target that keeps failing are cut off for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrafabric.kernel.words.things import Target

__all__ = ["TargetBreakers"]


class TargetBreakers:
    """Implements the kernel's port `Breakers`."""

    @asynccontextmanager
    async def calling(self, capability: str, target: Target, trace: str) -> AsyncIterator[None]:
        yield
