"""The first look after a write, by a guest that is started before the write is sent.

It asks for its first read and waits there until the write was answered. So the start of the guest and the write take
their time together, and the world is touched in the same order as without it.
"""

from __future__ import annotations

import asyncio

from infrafabric.kernel.parts import Journey
from infrafabric.kernel.planning import Planned, plan

__all__ = ["Look"]


class Look:
    """A plan that is under way. Who makes one calls `drop` in the end."""

    def __init__(self, journey: Journey) -> None:
        self._answered = asyncio.Event()
        self._task = asyncio.create_task(plan(journey, before=self._answered.wait))
        self._task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def begin(self) -> None:
        """The write was answered: look."""
        self._answered.set()

    async def over(self, within_s: float) -> bool:
        """Whether it is over after that many seconds at most."""
        done, _ = await asyncio.wait({self._task}, timeout=within_s)
        return bool(done)

    async def seen(self) -> Planned:
        """What `plan` answers. Raises what it raises."""
        return await self._task

    def drop(self) -> None:
        """It is wanted no longer."""
        self._task.cancel()
