"""Views over the websocket driver, against a real server on loopback."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError


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
