"""A websocket peer answers what was not asked, twice, under other numbers, or in no form at all."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from infrafabric.kernel.errors import Code


def misbehaving(*frames: str | bytes) -> Any:
    async def answer(connection: Any, message: dict[str, Any]) -> bool:
        for frame in frames:
            text = frame if isinstance(frame, bytes) else frame.replace("ID", str(message["id"]))
            await connection.send(text)
        return True

    return answer


YES = '"type": "result", "success": true, "result": "mine"'


async def test_a_reply_to_a_number_that_was_never_asked_ends_the_connection(house: Any, house_rig: Any) -> None:
    house.misbehave = misbehaving(f'{{"id": 4711, {YES}}}')
    assert (await house_rig.refusal("all")).code == Code.ANSWER_INVALID


async def test_a_second_reply_is_nobodys(house: Any, house_rig: Any) -> None:
    house.misbehave = misbehaving(f'{{"id": ID, {YES}}}', '{"id": ID, "type": "result", "success": true, "result": 2}')
    assert (await house_rig.perform("all")).value["reply"]["result"] == "mine"
    assert (await house_rig.perform("all")).value["reply"]["result"] == "mine"
    assert house.connections == 1


@pytest.mark.parametrize("number", ["true", "1.0", '"1"', "null", "[1]", '{"id": 1}'])
async def test_what_only_looks_like_the_number_is_no_reply(house: Any, house_rig: Any, number: str) -> None:
    house.misbehave = misbehaving(f'{{"id": {number}, {YES}}}')
    assert (await house_rig.refusal("all", timeout_s=0.2)).code == Code.TARGET_TIMEOUT


async def test_a_reply_of_another_form_is_no_reply(house: Any, house_rig: Any) -> None:
    house.misbehave = misbehaving('{"id": ID, "type": "event", "success": true}')
    assert (await house_rig.refusal("all", timeout_s=0.2)).code == Code.TARGET_TIMEOUT


@pytest.mark.parametrize("yes", ['"true"', "1", "null", "{}", "[true]"])
async def test_only_true_is_a_yes(house: Any, house_rig: Any, yes: str) -> None:
    house.misbehave = misbehaving(f'{{"id": ID, "type": "result", "success": {yes}}}')
    assert not (await house_rig.perform("all")).ok


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", "7", "null", '{"id": NaN}', "{'id': 1}", b"\xff\xfe", "[" * 100_000, '{"a":' * 5_000]
)
async def test_garbage_ends_the_connection_and_the_next_request_is_served(
    house: Any, house_rig: Any, frame: str | bytes
) -> None:
    house.misbehave = misbehaving(frame)
    assert (await house_rig.refusal("all")).code == Code.ANSWER_INVALID
    house.misbehave = None
    assert (await house_rig.perform("all")).ok


async def test_answers_swapped_between_requests_are_told_by_their_numbers(house: Any, house_rig: Any) -> None:
    held: list[dict[str, Any]] = []

    async def swap(connection: Any, message: dict[str, Any]) -> bool:
        held.append(message)
        if len(held) == 2:
            for one in reversed(held):
                await connection.send(
                    json.dumps({"id": one["id"], "type": "result", "success": True, "result": one["name"]})
                )
        return True

    house.misbehave = swap
    answers = await asyncio.gather(
        *(house_rig.perform("switch", {"name": name, "lit": True}) for name in ("one", "two"))
    )
    assert [answer.value["reply"]["result"] for answer in answers] == ["one", "two"]


@pytest.mark.parametrize(
    "result",
    ['"lamps"', "null", '[{"lit": true}]', '[{"name": 3}]', "[7]", '[{"name": "a"}, {"name": "a"}]', '{"name": "a"}'],
)
async def test_a_first_look_of_another_form_is_no_answer(house: Any, house_rig: Any, result: str) -> None:
    house.misbehave = misbehaving(f'{{"id": ID, "type": "result", "success": true, "result": {result}}}')
    assert (await house_rig.refusal("lamps", {"names": ["a"]})).code == Code.ANSWER_INVALID


async def test_numbers_that_json_cannot_carry_are_no_answer(house: Any, house_rig: Any) -> None:
    house.misbehave = misbehaving('{"id": ID, "type": "result", "success": true, "result": 9007199254740993}')
    assert (await house_rig.refusal("all")).code == Code.ANSWER_INVALID


async def test_events_of_another_subscription_do_not_reach_a_view(house: Any, house_rig: Any) -> None:
    await house_rig.perform("all")  # number 1
    await house_rig.perform("lamps", {"names": ["Halle"]})  # the subscription is number 2
    [connection] = house.open
    event = {"type": "event", "event": {"name": "Halle", "lamp": {"name": "Halle", "lit": "forged"}}}
    await connection.send(json.dumps({"id": 1, **event}))
    seen = await house_rig.perform("lamps", {"names": ["Halle"]})
    assert seen.value["items"]["Halle"]["lit"] is False
