"""An OBS that tells of ever more: nothing is queued, and requests are answered meanwhile."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig

EVENTS = 5_000
ROOM = 4 << 20


async def test_a_flood_of_events(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def flood() -> None:
        for number in range(EVENTS):
            await obs_double.tell("CurrentProgramSceneChanged", sceneName=f"Scene {number}")
            await asyncio.sleep(0)  # the double answers between its events

    async with obs_rig.driver.signals(obs_rig.manifest, obs_rig.target, obs_rig.secrets) as signals:  # type: ignore[union-attr]
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            telling = asyncio.ensure_future(flood())
            answered = 0
            while not telling.done():
                assert (await obs_rig.perform("scenes", 20.0)).ok
                answered += 1
            await signals.wait()
            assert answered > 1
            assert tracemalloc.get_traced_memory()[0] - before < ROOM
        finally:
            tracemalloc.stop()
