"""An OBS that tells of ever more: nothing is queued, and requests are answered meanwhile."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig

EVENTS = 5_000
ROOM = 4 << 20
ENDLESS = 32 << 20


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


async def test_pings_from_a_peer_that_does_not_read(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    """Each has to be answered, and the answers pile up here."""
    ping = b"\x89\x7d" + b"x" * 125
    sent = 0

    async def flood(connection: Any) -> None:
        nonlocal sent
        await obs_double.send(connection, 0, {"rpcVersion": 1})
        await connection.recv()
        await obs_double.send(connection, 2, {"negotiatedRpcVersion": 1})
        connection.transport.pause_reading()
        while sent < ENDLESS and not connection.transport.is_closing():
            if connection.transport.get_write_buffer_size() < len(ping) * 500:
                connection.transport.write(ping * 500)
                sent += len(ping) * 500
            await asyncio.sleep(0)
        flooded.set()

    flooded = asyncio.Event()
    obs_double.opening = flood
    found = await obs_rig.driver.check_health(obs_rig.manifest, obs_rig.target, obs_rig.secrets)
    assert found.state == "up"
    await asyncio.wait_for(flooded.wait(), 50)
    assert sent < ENDLESS
    await obs_rig.until(lambda: obs_rig.driver.health()["show@stage"].detail != "")
    assert "it does not read what it is sent" in obs_rig.driver.health()["show@stage"].detail
