"""A websocket peer stalls: at the upgrade, in the opening, before an answer, or altogether."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infrafabric.kernel.errors import Code


async def test_a_peer_that_takes_the_connection_and_says_nothing(house: Any, house_rig: Any) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    target = house_rig.target(settings={"HOUSE_HOST": "127.0.0.1", "HOUSE_PORT": str(port)})
    refused = await house_rig.refusal("all", target=target, limits={"timeout_s": 0.3}, timeout_s=2)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert "0.3 s" in refused.message
    await house_rig.driver.close()
    server.close()
    await server.wait_closed()


async def test_an_opening_that_never_ends_sends_nothing(house: Any, house_rig: Any) -> None:
    async def mute(connection: Any) -> None:
        await connection.wait_closed()

    house.greeting = mute
    refused = await house_rig.refusal("all", timeout_s=0.3)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert house.heard == []


async def test_a_stalled_answer_is_no_answer(house: Any, house_rig: Any) -> None:
    async def mute(connection: Any, message: dict[str, Any]) -> bool:
        return True

    house.misbehave = mute
    refused = await house_rig.refusal("switch", {"name": "Halle", "lit": True}, timeout_s=0.3)
    assert refused.code == Code.TARGET_TIMEOUT


async def test_a_view_of_a_stalled_peer_is_never_answered_from_memory(house: Any, house_rig: Any) -> None:
    await house_rig.perform("lamps", {"names": ["Halle"]})

    async def mute(connection: Any, message: dict[str, Any]) -> bool:
        return True

    house.misbehave = mute
    house.lamps["Halle"] = {"name": "Halle", "lit": True}
    refused = await house_rig.refusal("lamps", {"names": ["Halle"]}, timeout_s=0.3)
    assert refused.code == Code.TARGET_TIMEOUT


async def test_a_message_in_drips_does_not_outlast_the_deadline(house: Any, house_rig: Any) -> None:
    async def drip(connection: Any, message: dict[str, Any]) -> bool:
        connection.transport.write(b"\x81\x7e\xff\xff")
        for _ in range(500):
            if connection.transport.is_closing():
                break
            connection.transport.write(b" ")
            await asyncio.sleep(0.01)
        return True

    house.misbehave = drip
    assert (await house_rig.refusal("all", timeout_s=0.3)).code == Code.TARGET_TIMEOUT


async def test_a_peer_that_says_nothing_any_more_is_noticed(
    house: Any, house_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BEAT_S", 0.05), ("IDLE_S", 0.1), ("PROBE_S", 0.2)):
        monkeypatch.setattr(f"infrafabric.transports.lasting.link.{name}", value)
    async with house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets) as signals:
        await asyncio.sleep(0.5)
        assert house_rig.health().state == "up"
        assert len(house.requests("ping")) > 1
        assert house.connections == 1

        async def mute(connection: Any, message: dict[str, Any]) -> bool:
            return bool(message["type"] == "ping")

        house.misbehave = mute
        async with asyncio.timeout(3):
            while house.connections == 1:
                await asyncio.sleep(0.01)
        house.misbehave = None
        async with asyncio.timeout(3):
            await signals.wait()  # on the next connection


async def test_a_peer_that_hangs_up_as_soon_as_we_are_in_is_not_asked_without_pause(house: Any, house_rig: Any) -> None:
    async def hang_up(connection: Any) -> None:
        await connection.send('{"type": "auth_required"}')
        await connection.recv()
        await connection.send('{"type": "auth_ok"}')
        connection.transport.abort()

    house.greeting = hang_up
    await house_rig.refusal("all")
    await asyncio.sleep(1)
    assert house.connections < 6
