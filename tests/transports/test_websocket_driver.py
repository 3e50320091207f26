"""The websocket driver against a real server on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

from infrafabric.kernel.errors import Code


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
