"""The websocket driver against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any

import pytest
import yaml
from lasting_peers import EXAMPLES

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.transports.websocket.driver import WebSocketDriver


async def test_a_request_is_answered(house: Any, house_rig: Any) -> None:
    answer = await house_rig.perform("all")
    assert answer.value == {
        "reply": {
            "type": "result",
            "success": True,
            "result": [house.lamps[name] for name in ("Küche", "Halle", "Flur")],
        }
    }
    assert (answer.ok, answer.problem) == (True, "")
    assert house.heard == [{"id": 1, "type": "get_lamps"}]


async def test_a_write_carries_its_arguments(house: Any, house_rig: Any) -> None:
    answer = await house_rig.perform("switch", {"name": "Halle", "lit": True})
    assert answer.ok
    assert house.heard == [{"id": 1, "type": "switch", "name": "Halle", "lit": True}]


async def test_a_no_is_an_answer(house_rig: Any) -> None:
    answer = await house_rig.perform("switch", {"name": "Keller", "lit": True})
    assert (answer.ok, answer.problem) == (False, "no such lamp")
    assert answer.value["reply"]["success"] is False


async def test_a_peers_own_numbering_of_what_is_no_reply_is_passed_over(house: Any, house_rig: Any) -> None:
    async def numbered(connection: Any, message: dict[str, Any]) -> bool:
        await connection.send('{"id": 500, "type": "event", "event": {}}')
        await connection.send('{"id": -1, "type": "event", "event": {}}')
        return False

    house.misbehave = numbered
    assert (await house_rig.perform("all")).ok
    assert (await house_rig.perform("lamps", {"names": ["Halle"]})).ok
    assert house.connections == 1


async def test_only_a_no_that_the_manifest_calls_definite_is_conclusive(house: Any, house_rig: Any) -> None:
    async def half_way(connection: Any, message: dict[str, Any]) -> bool:
        error = '{"code": "unknown_error", "message": "Unknown error"}'
        await connection.send(f'{{"id": {message["id"]}, "type": "result", "success": false, "error": {error}}}')
        return True

    effects = house_rig.effects()
    replaced = {**effects["switch"], "reply": {"definite": [{"error": {"code": "unknown_error"}}]}}
    effects = {**effects, "replaced": replaced}
    args = {"name": "Keller", "lit": True}
    assert (await house_rig.perform("switch", args, effects=effects)).conclusive  # "no such lamp"
    assert not (await house_rig.perform("replaced", args, effects=effects)).conclusive
    house.misbehave = half_way
    answer = await house_rig.perform("switch", args, effects=effects)
    assert (answer.ok, answer.problem, answer.conclusive) == (False, "Unknown error", False)
    assert (await house_rig.perform("replaced", args, effects=effects)).conclusive
    assert house.connections == 1


async def test_one_connection_serves_a_hundred_requests_at_once(house: Any, house_rig: Any) -> None:
    async def shuffled(connection: Any, message: dict[str, Any]) -> bool:
        if message["type"] != "switch":
            return False

        async def later() -> None:
            await asyncio.sleep(0.001 * (message["id"] % 7))
            await connection.send(
                f'{{"id": {message["id"]}, "type": "result", "success": true, "result": "{message["name"]}"}}'
            )

        tasks.append(asyncio.create_task(later()))
        return True

    tasks: list[asyncio.Task[None]] = []
    house.misbehave = shuffled
    names = [f"lamp {number}" for number in range(100)]
    answers = await asyncio.gather(*(house_rig.perform("switch", {"name": name, "lit": True}) for name in names))
    assert [answer.value["reply"]["result"] for answer in answers] == names
    assert house.connections == 1
    await asyncio.gather(*tasks)


async def test_the_opening_is_single_flight(house: Any, house_rig: Any) -> None:
    await asyncio.gather(*(house_rig.perform("all") for _ in range(20)))
    assert house.connections == 1


async def test_arguments_are_checked_before_anything_is_sent(house: Any, house_rig: Any) -> None:
    for args in ({"name": "Halle"}, {"name": 3, "lit": True}, {"name": "Halle", "lit": True, "id": 7}):
        assert (await house_rig.refusal("switch", args)).code == Code.EFFECT_ARGUMENT
    assert house.heard == []


async def test_what_an_approver_reads(house_rig: Any) -> None:
    line = house_rig.driver.describe(house_rig.call("switch", {"name": "Kü\u202eche", "lit": True}))
    assert line == (
        f'ws://127.0.0.1:{house_rig.port}/api/websocket  {{"lit":true,"name":"Kü\\u202eche","type":"switch"}}'
    )
    line = house_rig.driver.describe(house_rig.call("lamps", {"names": ["Halle"]}))
    assert line.endswith('view {"type":"get_lamps"}  of Halle')


async def test_the_pinned_address_is_used_and_the_name_is_said(house: Any, house_rig: Any) -> None:
    house_rig.dns = lambda host: ["127.0.0.1"]
    target = house_rig.target(settings={"HOUSE_HOST": "house.example", "HOUSE_PORT": str(house.port)})
    hosts = []

    async def greet(connection: Any) -> None:
        hosts.append(
            (connection.request.headers["Host"], connection.request.path, connection.request.headers["Upgrade"])
        )

    house.greeting = greet
    await house_rig.refusal("all", target=target)
    assert hosts == [(f"house.example:{house.port}", "/api/websocket", "websocket")]
    assert (await house_rig.driver.address(house_rig.manifest(), target))["ip"] == "127.0.0.1"


async def test_no_compression_is_offered(house: Any, house_rig: Any) -> None:
    offers = []

    async def greet(connection: Any) -> None:
        offers.append(connection.request.headers.get("Sec-WebSocket-Extensions"))

    house.greeting = greet
    await house_rig.refusal("all")
    assert offers == [None]


async def test_an_address_that_was_not_granted_is_not_reached(house: Any, house_rig: Any) -> None:
    target = house_rig.target(allow_addresses=[])
    assert (await house_rig.refusal("all", target=target)).code == Code.ADDRESS_REFUSED
    assert house.connections == 0
    assert house_rig.health().state == "down"


async def test_two_targets_have_connections_of_their_own(house: Any, house_rig: Any) -> None:
    await house_rig.perform("all")
    await house_rig.perform("all", target=house_rig.target(name="house@two"))
    assert house.connections == 2
    await house_rig.driver.forget("house@two")
    await house_rig.perform("all")
    assert house.connections == 2
    assert set(house_rig.driver.health()) == {"house@one"}


async def test_capabilities_of_one_target_share_its_connection(house: Any, house_rig: Any) -> None:
    await house_rig.perform("all")
    await house_rig.perform("all", id="if://capability/house.other", limits={"answer_bytes": 4_000})
    assert house.connections == 1


# --- signals


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


# --- losing the connection and finding it again


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


# --- views


async def test_a_view_is_looked_at_once_and_kept_current(house: Any, house_rig: Any) -> None:
    first = await house_rig.perform("lamps", {"names": ["Halle", "Keller"]})
    assert first.value == {"items": {"Halle": {"name": "Halle", "lit": False}, "Keller": None}}
    await house.change("Halle", {"name": "Halle", "lit": True})
    await house.change("Keller", {"name": "Keller", "lit": True})
    again = await house_rig.perform("lamps", {"names": ["Halle", "Keller"]})
    assert again.value == {
        "items": {"Halle": {"name": "Halle", "lit": True}, "Keller": {"name": "Keller", "lit": True}}
    }
    await house.change("Halle", None)
    assert (await house_rig.perform("lamps", {"names": ["Halle"]})).value == {"items": {"Halle": None}}
    assert [message["type"] for message in house.heard] == ["subscribe", "get_lamps", "ping", "ping"]


async def test_a_read_after_a_write_sees_it(house_rig: Any) -> None:
    for number in range(20):
        lit = number % 2 == 0
        await house_rig.perform("switch", {"name": "Halle", "lit": lit})
        seen = await house_rig.perform("lamps", {"names": ["Halle"]})
        assert seen.value["items"]["Halle"]["lit"] is lit


async def test_a_view_looks_again_after_a_reconnect(house: Any, house_rig: Any) -> None:
    await house_rig.perform("lamps", {"names": ["Halle"]})
    await house.stop()
    house.lamps["Halle"] = {"name": "Halle", "lit": True}
    await house.start()
    async with asyncio.timeout(3):
        while house_rig.health().state != "up":
            await asyncio.sleep(0.01)
    seen = await house_rig.perform("lamps", {"names": ["Halle"]})
    assert seen.value == {"items": {"Halle": {"name": "Halle", "lit": True}}}
    assert len(house.requests("get_lamps")) == 2


async def test_an_event_without_its_key_makes_the_view_look_again(house: Any, house_rig: Any) -> None:
    await house_rig.perform("lamps", {"names": ["Halle"]})
    house.lamps["Halle"] = {"name": "Halle", "lit": True}
    await house.tell({"nameless": True})
    seen = await house_rig.perform("lamps", {"names": ["Halle"]})
    assert seen.value["items"]["Halle"]["lit"] is True
    assert len(house.requests("get_lamps")) == 2


async def test_a_view_that_nobody_reads_is_let_go(house: Any, house_rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.transports.websocket.view.KEEP_S", -1.0)
    await house_rig.perform("lamps", {"names": ["Halle"]})
    await house.change("Halle", {"name": "Halle", "lit": True})
    await asyncio.sleep(0.1)  # until it was heard, and not kept
    seen = await house_rig.perform("lamps", {"names": ["Halle"]})
    assert seen.value["items"]["Halle"]["lit"] is True
    assert [message["type"] for message in house.heard] == ["subscribe", "get_lamps", "get_lamps"]


async def test_a_first_look_beyond_the_views_limit_is_never_answered(house: Any, house_rig: Any) -> None:
    house.lamps = {f"l{n}": {"name": f"l{n}", "pad": "x" * 100} for n in range(40)}
    await house_rig.perform("all", id="if://capability/house.big")  # shares the connection, with a larger limit
    for _ in range(2):
        refused = await house_rig.refusal("lamps", {"names": ["l1"]}, limits={"answer_bytes": 2000})
        assert refused.code == Code.ANSWER_TOO_LARGE


async def test_a_view_that_the_peer_refuses_is_a_no(house: Any, house_rig: Any) -> None:
    async def refuse(connection: Any, message: dict[str, Any]) -> bool:
        await connection.send(
            f'{{"id": {message["id"]}, "type": "result", "success": false, "error": {{"message": "not for you"}}}}'
        )
        return True

    house.misbehave = refuse
    answer = await house_rig.perform("lamps", {"names": ["Halle"]})
    assert (answer.ok, answer.problem, answer.value) == (False, "not for you", {"items": {}})


async def test_a_hundred_reads_at_once_look_once(house: Any, house_rig: Any) -> None:
    answers = await asyncio.gather(*(house_rig.perform("lamps", {"names": ["Halle"]}) for _ in range(100)))
    assert all(answer.value == {"items": {"Halle": {"name": "Halle", "lit": False}}} for answer in answers)
    assert len(house.requests("get_lamps")) == 1


async def test_reads_are_never_older_than_they_began(house: Any, house_rig: Any) -> None:
    """Another hand counts up, connections drop at random; each read shows at least what was so when it began."""
    dice = random.Random(4711)  # noqa: S311  (repeatable, not secret)
    house.lamps = {name: {"name": name, "count": 0} for name in ("a", "b", "c")}
    over = False

    async def another_hand() -> None:
        while not over:
            name = dice.choice("abc")
            await house.change(name, {"name": name, "count": house.lamps[name]["count"] + 1})
            await asyncio.sleep(dice.choice([0, 0, 0.001]))

    async def cut() -> None:
        while not over:
            await asyncio.sleep(dice.uniform(0.05, 0.3))
            for connection in list(house.open):
                connection.transport.abort()

    async def read() -> int:
        seen = 0
        while not over:
            least = {name: lamp["count"] for name, lamp in house.lamps.items()}
            try:
                answer = await house_rig.perform("lamps", {"names": ["a", "b", "c"]})
            except FabricError as error:
                assert error.code in (Code.TARGET_LOST, Code.TARGET_UNREACHABLE)
                await asyncio.sleep(0.01)
                continue
            most = {name: lamp["count"] for name, lamp in house.lamps.items()}
            for name, lamp in answer.value["items"].items():
                assert least[name] <= lamp["count"] <= most[name]
            seen += 1
        return seen

    tasks = [asyncio.create_task(one()) for one in (another_hand, cut, read, read, read)]
    await asyncio.sleep(3)
    over = True
    results = await asyncio.gather(*tasks)
    assert sum(seen for seen in results if seen is not None) > 20
    assert house_rig.health().reconnects > 0


# --- manifests


def example(**changes: Any) -> Manifest:
    given = yaml.safe_load((EXAMPLES / "websocket.yaml").read_text("utf-8"))
    return Manifest.model_validate({**given, **changes})


async def test_the_example_is_taken(house_rig: Any) -> None:
    house_rig.driver.check(example())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"connection": {}}, "connection lacks id"),
        ({"connection": {"id": "id", "ping": {}}}, "takes no 'ping'"),
        ({"connection": {"id": "id", "ok": "success"}}, "no JSON Pointer"),
        ({"connection": {"id": "id", "definite": {"error": {}}}}, "connection.definite is a list"),
        ({"effects": {"it": {"read": "request", "json": {"a": 1}, "reply": {"ok": {}}}}}, "takes no 'ok'"),
        ({"connection": {"id": "id", "idle": {"type": "ping"}}}, "idle and idle_reply"),
        ({"connection": {"id": "id", "opening": [{"send": {"a": 1}, "expect": {}}]}}, "opening.0 sends or expects"),
        ({"connection": {"id": "id", "opening": [{"send": {"x": {"secret": "OTHER"}}}]}}, "OTHER"),
        ({"connection": {"id": "id", "opening": [{"send": {"x": {"type": "string"}}}]}}, "no arguments"),
        ({"connection": {"id": "id", "headers": {"Host": "elsewhere"}}}, "Host"),
        ({"connection": {"id": "id", "headers": {"Sec-WebSocket-Key": "x"}}}, "sec-websocket-key"),
        ({"base": "http://{HOUSE_HOST}"}, "ws|wss"),
        ({"effects": {"it": {"read": "GET /"}}}, "neither request nor view"),
        ({"effects": {"it": {"read": "request", "json": {"id": 7}}}}, "which the driver counts"),
        ({"effects": {"it": {"read": "request"}}}, "the message"),
        ({"effects": {"it": {"read": "request", "json": {"a": 1}, "query": {"a": 1}}}}, "takes no query"),
        ({"effects": {"it": {"read": "view", "json": {"a": 1}}}}, "stand together"),
        ({"signals": {"subscribe": [{"x": {"secret": "HOUSE_TOKEN"}}]}}, "no secrets"),
        ({"signals": {"news": ["event"]}}, "signals.news.0"),
    ],
)
async def test_what_could_not_be_spoken_is_refused(house_rig: Any, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FabricError) as caught:
        house_rig.driver.check(example(**changes))
    assert caught.value.code == Code.MANIFEST_INVALID
    assert named in caught.value.message


async def test_a_view_needs_a_barrier(house_rig: Any) -> None:
    given = yaml.safe_load((EXAMPLES / "websocket.yaml").read_text("utf-8"))
    view = given["effects"]["lamps"]["view"]
    del view["barrier"], view["barrier_reply"]
    house_rig.driver.check(Manifest.model_validate(given))  # the connection's idle serves
    del given["connection"]["idle"], given["connection"]["idle_reply"]
    with pytest.raises(FabricError) as caught:
        house_rig.driver.check(Manifest.model_validate(given))
    assert "barrier" in caught.value.message
