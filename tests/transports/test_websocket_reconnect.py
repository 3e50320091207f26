"""Losing a websocket connection and finding it again, against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
import yaml
from lasting_peers import EXAMPLES

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.transports.websocket.driver import WebSocketDriver


async def test_a_peer_that_is_back_is_reconnected_within_two_seconds(house: Any, house_rig: Any) -> None:
    await house_rig.perform("all")
    await house.stop()
    await asyncio.sleep(0.7)
    assert (await house_rig.refusal("all")).code == Code.TARGET_UNREACHABLE
    assert house_rig.health().state == "down"
    await house.start()
    back = time.monotonic()
    while house_rig.health().state != "up":
        await asyncio.sleep(0.01)
        assert time.monotonic() - back < 2
    assert house_rig.health().reconnects == 1
    assert (await house_rig.perform("all")).ok


async def test_a_request_that_was_sent_when_the_connection_ends_is_lost(house: Any, house_rig: Any) -> None:
    async def hang_up(connection: Any, message: dict[str, Any]) -> bool:
        connection.transport.abort()
        return True

    house.misbehave = hang_up
    refused = await house_rig.refusal("switch", {"name": "Halle", "lit": True})
    assert refused.code == Code.TARGET_LOST
    assert len(house.requests("switch")) == 1
    house.misbehave = None
    assert (await house_rig.perform("all")).ok
    assert len(house.requests("switch")) == 1, "nothing is sent twice"


async def test_a_wrong_token_is_refused_and_not_tried_again_at_once(house: Any, house_rig: Any) -> None:
    house_rig.secret("HOUSE_TOKEN", "another-token-altogether")
    refused = await house_rig.refusal("all")
    assert refused.code == Code.TARGET_AUTH
    assert "another-token" not in refused.message
    assert "auth_invalid" in refused.message
    assert (await house_rig.refusal("all")).retry_after is not None
    await asyncio.sleep(0.6)
    assert house.connections == 1
    assert house_rig.health().state == "refused"
    assert "another-token" not in house_rig.health().detail


@pytest.mark.parametrize("more", ["12345678901234567890", "[" * 80 + "]" * 80])
async def test_a_refusal_in_words_that_cannot_be_shown_is_one(house: Any, house_rig: Any, more: str) -> None:
    async def greet(connection: Any) -> None:
        await connection.send('{"type": "auth_required"}')
        await connection.recv()
        await connection.send(f'{{"type": "auth_invalid", "more": {more}}}')
        await connection.wait_closed()

    house.greeting = greet
    assert (await house_rig.refusal("all")).code == Code.TARGET_AUTH
    assert house_rig.health().state == "refused"
    await asyncio.sleep(0.6)
    assert house.connections == 1


async def test_a_mended_token_is_tried_at_once(house: Any, house_rig: Any) -> None:
    good = house_rig.secrets["HOUSE_TOKEN"]
    house_rig.secret("HOUSE_TOKEN", "another-token-altogether")
    await house_rig.refusal("all")
    house_rig.secret("HOUSE_TOKEN", good)
    assert (await house_rig.perform("all")).ok
    assert house_rig.health().state == "up"


async def test_a_silent_peer_is_asked_before_a_write_that_must_not_be_sent_twice(
    house: Any, house_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrafabric.transports.lasting.link.FRESH_S", -1.0)
    switch = yaml.safe_load((EXAMPLES / "websocket.yaml").read_text("utf-8"))["effects"]["switch"]
    effects = house_rig.effects(once={**switch, "repeatable": False})
    await house_rig.perform("switch", {"name": "Halle", "lit": True}, effects=effects)
    await house_rig.perform("once", {"name": "Halle", "lit": False}, effects=effects)
    assert [message["type"] for message in house.heard] == ["switch", "ping", "switch"]


async def test_a_write_that_finds_a_dead_connection_is_sent_on_another_in_the_same_call(
    house: Any, house_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dead(connection: Any, message: dict[str, Any]) -> bool:
        return connection is first

    effects = house_rig.effects()
    effects = {**effects, "once": {**effects["switch"], "repeatable": False}}
    await house_rig.perform("all", effects=effects)
    (first,) = house.open
    house.misbehave = dead
    monkeypatch.setattr("infrafabric.transports.lasting.link.FRESH_S", -1.0)
    answer = await house_rig.perform("once", {"name": "Halle", "lit": True}, effects=effects, timeout_s=1.5)
    assert answer.ok
    assert (house.connections, len(house.requests("switch"))) == (2, 1)


async def test_a_capability_with_little_time_leaves_others_theirs(house: Any, house_rig: Any) -> None:
    async def slow(connection: Any) -> None:
        await asyncio.sleep(1.3)
        await connection.send('{"type": "auth_required"}')
        await connection.recv()
        await connection.send('{"type": "auth_ok"}')
        house.greeting = None
        async for text in connection:
            await house._answer(connection, json.loads(text))

    house.greeting = slow
    hasty = {"id": "if://capability/house.hasty", "limits": {"timeout_s": 1}}
    assert (await house_rig.refusal("all", timeout_s=1, **hasty)).code == Code.TARGET_UNREACHABLE
    house.greeting = slow
    assert (await house_rig.perform("all", timeout_s=10)).ok


async def test_a_reconnection_that_hangs_is_given_up_soon_where_nobody_waits(
    house: Any, house_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(connection: Any) -> None:
        house.greeting = None
        await connection.wait_closed()

    monkeypatch.setattr("infrafabric.transports.lasting.link.ATTEMPT_S", 0.3)
    await house_rig.perform("all")
    house.greeting = hang
    await house.stop()
    await house.start()
    async with asyncio.timeout(3):
        while house_rig.health().reconnects < 1:
            await asyncio.sleep(0.01)
    assert house_rig.health().state == "up"


async def test_a_check_of_health_believes_no_connection_that_may_be_dead(
    house: Any, house_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(connection: Any, message: dict[str, Any]) -> bool:
        return True

    async def hang(connection: Any) -> None:
        await connection.wait_closed()

    await house_rig.perform("all")
    monkeypatch.setattr("infrafabric.transports.lasting.link.FRESH_S", -1.0)
    asked = (house_rig.manifest(), house_rig.target(timeout_s=1), house_rig.secrets)
    assert (await house_rig.driver.check_health(*asked)).state == "up"
    assert len(house.requests("ping")) == 1
    house.misbehave, house.greeting = mute, hang
    assert (await house_rig.driver.check_health(*asked)).state == "down"


async def test_a_cancelled_request_leaves_the_connection_to_others(house: Any, house_rig: Any) -> None:
    late: list[Any] = []

    async def hold(connection: Any, message: dict[str, Any]) -> bool:
        late.append((connection, message["id"]))
        return True

    house.misbehave = hold
    task = asyncio.create_task(house_rig.perform("all"))
    while not late:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    house.misbehave = None
    connection, number = late[0]
    await connection.send(f'{{"id": {number}, "type": "result", "success": true, "result": "late"}}')
    assert (await house_rig.perform("all")).value["reply"]["result"] != "late"
    assert house.connections == 1


async def test_after_a_deadline_the_late_reply_is_nobodys(house: Any, house_rig: Any) -> None:
    async def slow(connection: Any, message: dict[str, Any]) -> bool:
        await asyncio.sleep(0.2)
        return False

    house.misbehave = slow
    assert (await house_rig.refusal("all", timeout_s=0.1)).code == Code.TARGET_TIMEOUT
    house.misbehave = None
    assert (await house_rig.perform("switch", {"name": "Halle", "lit": True})).value["reply"].get("result") is None


async def test_health_is_checked_without_asking_for_anything(house: Any, house_rig: Any) -> None:
    found = await house_rig.driver.check_health(house_rig.manifest(), house_rig.target(), house_rig.secrets)
    assert (found.state, found.detail, found.reconnects) == ("up", "", 0)
    assert found.latency_ms > 0
    assert house.heard == []
    await house_rig.driver.forget("house@one")
    await house.stop()
    found = await house_rig.driver.check_health(house_rig.manifest(), house_rig.target(), house_rig.secrets)
    assert found.state == "down"


async def test_a_revoked_token_is_told_to_who_listens_and_not_tried_again(house: Any, house_rig: Any) -> None:
    async with house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets) as signals:
        house.token = "another"
        for connection in list(house.open):
            connection.transport.abort()
        with pytest.raises(FabricError) as caught:
            async with asyncio.timeout(5):
                await signals.wait()
        assert caught.value.code == Code.TARGET_AUTH
        refused = house.connections
        await asyncio.sleep(1)
        assert house.connections == refused
    assert house_rig.health().state == "refused"
    assert (await house_rig.refusal("all")).code == Code.TARGET_AUTH


async def test_a_refused_subscription_stays_refused_and_masks_secrets(house: Any, house_rig: Any) -> None:
    async def refuse(connection: Any, message: dict[str, Any]) -> bool:
        if message["type"] != "subscribe":
            return False
        error = f'{{"message": "{house.token} may not"}}'
        await connection.send(f'{{"id": {message["id"]}, "type": "result", "success": false, "error": {error}}}')
        await asyncio.sleep(0.05)
        await connection.send('{"type": "event", "event": {"name": "stray"}}')
        asked.set()
        return True

    asked = asyncio.Event()
    async with house_rig.driver.signals(house_rig.manifest(), house_rig.target(), house_rig.secrets) as signals:
        house.misbehave = refuse
        await house.stop()
        await house.start()
        async with asyncio.timeout(5):
            await asked.wait()
            await house_rig.perform("all")  # the stray message was heard
            for _ in range(2):
                with pytest.raises(FabricError) as caught:
                    await signals.wait()
                assert caught.value.code == Code.TARGET_STATUS
                assert house.token not in caught.value.message
        house.misbehave = None
        await house.stop()
        await house.start()
        async with asyncio.timeout(5):
            while not any(house.open.values()):
                await asyncio.sleep(0.01)
            await house_rig.perform("all")  # the reply to the subscription was heard
            await signals.wait()
            await house.change("Halle", {"name": "Halle", "lit": True})
            await signals.wait()


async def test_a_name_that_resolves_late_is_within_the_deadline_of_signals(house: Any, house_rig: Any) -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return ["127.0.0.1"]

    driver = WebSocketDriver(DriverContext(house_rig.redactor, {}), slow)
    target = house_rig.target(settings={"HOUSE_HOST": "house.example", "HOUSE_PORT": str(house.port)}, timeout_s=1)
    signals = driver.signals(house_rig.manifest(), target, house_rig.secrets)
    assert signals is not None
    async with asyncio.timeout(5):
        with pytest.raises(FabricError) as caught:
            await signals.__aenter__()
    assert caught.value.code == Code.TARGET_UNREACHABLE
    await driver.close()


async def test_to_forget_a_target_ends_what_waits_on_it(house: Any, house_rig: Any) -> None:
    async def mute(connection: Any, message: dict[str, Any]) -> bool:
        return True

    house.misbehave = mute
    waiting = asyncio.create_task(house_rig.refusal("all"))
    while not house.heard:
        await asyncio.sleep(0.01)
    await house_rig.driver.forget("house@one")
    assert (await waiting).code == Code.TARGET_LOST
    assert house_rig.health() is None
    async with asyncio.timeout(2):
        while house.open:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("ending", ["forget", "close"])
async def test_a_call_under_way_makes_no_connection_to_what_was_forgotten(
    house: Any, house_rig: Any, ending: str
) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(host: str, port: int) -> list[str]:
        asked.set()
        await go.wait()
        return ["127.0.0.1"]

    driver = WebSocketDriver(DriverContext(house_rig.redactor, {}), slow)
    target = house_rig.target(settings={"HOUSE_HOST": "house.example", "HOUSE_PORT": str(house.port)})
    call = house_rig.call("all", target=target)
    waiting = asyncio.create_task(driver.perform(call, house_rig.secrets))
    await asked.wait()
    await (driver.forget(target.name) if ending == "forget" else driver.close())
    go.set()
    with pytest.raises(FabricError) as caught:
        await waiting
    assert caught.value.code == Code.TARGET_UNREACHABLE
    assert (house.connections, driver.health()) == (0, {})
    if ending == "forget":
        assert (await driver.perform(call, house_rig.secrets)).ok
    await driver.close()


async def test_to_forget_bears_a_call_with_other_secrets_beside_it(house: Any, house_rig: Any) -> None:
    connection = {**house_rig.manifest().connection, "headers": {"X-A": "b"}}
    for turns in range(8):
        await house_rig.perform("all")
        await house_rig.perform("all", connection=connection)
        house_rig.redactor.learn(other := f"another-token-altogether-{turns}")

        async def meanwhile(turns: int = turns, other: str = other) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            with pytest.raises(FabricError):
                await house_rig.driver.perform(house_rig.call("all", connection=connection), {"HOUSE_TOKEN": other})

        await asyncio.gather(house_rig.driver.forget("house@one"), meanwhile())
        await house_rig.driver.forget("house@one")
