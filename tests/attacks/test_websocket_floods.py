"""A websocket peer tells without end."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from typing import Any

from infrafabric.kernel.errors import Code

MEBIBYTE = 1 << 20


async def test_a_flood_of_news_is_one_signal_and_fills_no_memory(house: Any, house_rig: Any) -> None:
    async with house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets) as signals:
        tracemalloc.start()
        try:
            for number in range(4_000):
                await house.tell({"name": f"lamp {number}", "lamp": {"name": f"lamp {number}", "note": "x" * 100}})
            assert (await house_rig.perform("all")).ok
            async with asyncio.timeout(5):
                await signals.wait()
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 8 * MEBIBYTE
        waited = asyncio.ensure_future(signals.wait())
        await asyncio.sleep(0.05)
        assert not waited.done()
        waited.cancel()


async def test_a_view_keeps_no_more_than_twice_an_answer(house: Any, house_rig: Any) -> None:
    limits = {"limits": {"answer_bytes": 20_000}}
    await house_rig.perform("lamps", {"names": ["Halle"]}, **limits)
    [link] = house_rig.driver._links.values()
    [view] = [hearer for key, hearer in link.hearers.items() if key.startswith("view:")]
    for number in range(1_000):
        await house.tell({"name": f"ghost {number}", "lamp": {"name": f"ghost {number}", "note": "x" * 100}})
    await asyncio.sleep(0.2)
    assert view.fold.items is None, "it let go, and looks again when it is read"
    seen = await house_rig.perform("lamps", {"names": ["Halle", "ghost 1"]}, **limits)
    assert seen.value == {"items": {"Halle": {"name": "Halle", "lit": False}, "ghost 1": None}}


async def test_a_view_that_is_flooded_faster_than_it_can_look_ends(house: Any, house_rig: Any) -> None:
    async def flood(connection: Any, message: dict[str, Any]) -> bool:
        if message["type"] in ("get_lamps", "ping"):
            number = house.open[connection][0]
            ghosts = [{"name": f"ghost {n}", "lamp": {"name": f"ghost {n}", "note": "x" * 900}} for n in range(60)]
            result = {"type": "result", "success": True, "result": list(house.lamps.values())}
            answer = {"type": "pong"} if message["type"] == "ping" else result
            frames = [{"id": message["id"], **answer}, *({"id": number, "type": "event", "event": g} for g in ghosts)]
            for frame in frames:
                await connection.send(json.dumps(frame))
            return True
        return False

    house.misbehave = flood
    refused_or_not = await asyncio.gather(
        *(house_rig.perform("lamps", {"names": ["Halle"]}, limits={"answer_bytes": 20_000}) for _ in range(5)),
        return_exceptions=True,
    )
    for outcome in refused_or_not:
        if isinstance(outcome, BaseException):
            assert getattr(outcome, "code", None) == Code.ANSWER_TOO_LARGE
        else:
            assert outcome.value == {"items": {"Halle": {"name": "Halle", "lit": False}}}


async def test_pings_to_a_peer_that_does_not_read_end_the_connection(house: Any, house_rig: Any) -> None:
    await house_rig.perform("all")
    [connection] = house.open
    connection.transport.pause_reading()
    ping = b"\x89\x7d" + b"p" * 125
    for _ in range(800):
        if not house.open:
            break
        connection.transport.write(ping * 500)
        await asyncio.sleep(0.001)
    async with asyncio.timeout(10):
        while house_rig.health().reconnects == 0:
            await asyncio.sleep(0.01)
    house.misbehave = None
    assert (await house_rig.perform("all")).ok


async def test_empty_fragments_without_end_hold_nothing(house: Any, house_rig: Any) -> None:
    async def drip(connection: Any, message: dict[str, Any]) -> bool:
        connection.transport.write(b"\x01\x00" + b"\x00\x00" * 200_000)
        return True

    house.misbehave = drip
    tracemalloc.start()
    try:
        assert (await house_rig.refusal("all", timeout_s=1)).code == Code.TARGET_TIMEOUT
        assert tracemalloc.get_traced_memory()[1] < 8 * MEBIBYTE
    finally:
        tracemalloc.stop()
