"""Signals over the websocket driver, against a real server on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError


async def test_a_change_is_signalled(house: Any, house_rig: Any) -> None:
    listening = house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets)
    async with listening as signals:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await signals.wait()
        await house.change("Halle", {"name": "Halle", "lit": True})
        async with asyncio.timeout(2):
            await signals.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await signals.wait()
    assert [message["type"] for message in house.heard] == ["subscribe"]


async def test_listeners_share_a_subscription(house: Any, house_rig: Any) -> None:
    def listening() -> Any:
        return house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets)

    async with listening() as one, listening() as two:
        await house.change("Halle", None)
        async with asyncio.timeout(2):
            await one.wait()
            await two.wait()
    async with listening():
        pass
    assert len(house.requests("subscribe")) == 1
    assert house.connections == 1


async def test_signals_survive_a_restart_and_tell_of_it(house: Any, house_rig: Any) -> None:
    async with house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets) as signals:
        await house.stop()
        await asyncio.sleep(0.3)
        await house.start()
        async with asyncio.timeout(3):
            await signals.wait()  # something may have changed meanwhile
        await house.change("Halle", {"name": "Halle", "lit": True})
        async with asyncio.timeout(2):
            await signals.wait()
    assert house_rig.health().reconnects == 1


async def test_signals_that_the_peer_refuses_are_an_error(house: Any, house_rig: Any) -> None:
    async def refuse(connection: Any, message: dict[str, Any]) -> bool:
        await connection.send(
            f'{{"id": {message["id"]}, "type": "result", "success": false, "error": {{"message": "not for you"}}}}'
        )
        return True

    house.misbehave = refuse
    with pytest.raises(FabricError) as caught:
        async with house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets):
            pass
    assert caught.value.code == Code.TARGET_STATUS
    assert "not for you" in caught.value.message


async def test_without_its_settings_there_are_no_signals(house: Any, house_rig: Any) -> None:
    requires = {"settings": ["HOUSE_HOST", "HOUSE_PORT"], "optional": ["NEWS_PORT"], "secrets": ["HOUSE_TOKEN"]}
    signals = {"base": "ws://{HOUSE_HOST}:{NEWS_PORT}/news", "news": [{"type": "event"}]}
    manifest = house_rig.manifest(requires=requires, signals=signals)
    assert house_rig.driver.signals(manifest, house_rig.target(), house_rig.secrets) is None
    assert house_rig.driver.signals(house_rig.manifest(signals=None), house_rig.target(), house_rig.secrets) is None
