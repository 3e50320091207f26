"""A websocket peer sends the token back: in the refusal, in an answer, in the words of a close."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from lasting_peers import TOKEN, done, send

from infrafabric.kernel.errors import Code


async def test_in_an_answer(house: Any, house_rig: Any) -> None:
    async def echo(connection: Any, message: dict[str, Any]) -> bool:
        await done(connection, message["id"], {TOKEN: [f"it is {TOKEN}", {"deep": TOKEN.upper().lower()}]})
        return True

    house.misbehave = echo
    value = (await house_rig.perform("all")).value
    assert value["reply"]["result"] == {"[***]": ["it is [***]", {"deep": "[***]"}]}


async def test_in_a_view(house: Any, house_rig: Any) -> None:
    house.lamps[TOKEN] = {"name": TOKEN, "lit": True}
    assert TOKEN not in str((await house_rig.perform("lamps")).value)


async def test_in_what_it_says_is_wrong(house: Any, house_rig: Any) -> None:
    async def refuse(connection: Any, message: dict[str, Any]) -> bool:
        error = {"message": f"what is {TOKEN}?"}
        await send(connection, id=message["id"], type="result", success=False, error=error)
        return True

    house.misbehave = refuse
    assert (await house_rig.perform("all")).problem == "what is [***]?"


async def test_in_the_words_of_a_close(house: Any, house_rig: Any) -> None:
    async def close(connection: Any, message: dict[str, Any]) -> bool:
        await connection.close(4000, f"bye {TOKEN}")
        return True

    house.misbehave = close
    refused = await house_rig.refusal("all")
    assert refused.code == Code.TARGET_LOST
    assert TOKEN not in refused.message
    assert "bye [***]" in refused.message
    assert TOKEN not in str(house_rig.driver.health())


async def test_in_the_refusal(house: Any, house_rig: Any) -> None:
    house.token = "another"
    refused = await house_rig.refusal("all")
    assert refused.code == Code.TARGET_AUTH
    assert TOKEN not in refused.message
    assert TOKEN not in house_rig.health().detail


async def test_nothing_of_the_exchange_is_logged(house: Any, house_rig: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("websockets.server").setLevel(logging.WARNING)  # the peer's own
    with caplog.at_level(logging.DEBUG):
        await house_rig.perform("all")
        house.token = "another"
        await house_rig.driver.forget("house@one")
        await house_rig.refusal("all")
    assert TOKEN not in caplog.text
    assert "auth" not in caplog.text


async def test_an_exception_holds_no_request(house: Any, house_rig: Any) -> None:
    house.token = "another"
    refused = await house_rig.refusal("all")
    assert (refused.__cause__, refused.__context__) == (None, None)
