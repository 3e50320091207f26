"""An OBS whose answers are not of its protocol: never taken for a yes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig

Sent = Callable[["ObsDouble", Any, Any], Awaitable[None]]


async def no_status(double: ObsDouble, connection: Any, request: Any) -> None:
    await double.send(connection, 7, {"requestType": request["requestType"], "requestId": request["requestId"]})


async def no_data(double: ObsDouble, connection: Any, request: Any) -> None:
    await double.send(connection, 7, {})


async def no_op(double: ObsDouble, connection: Any, request: Any) -> None:
    import msgpack

    await connection.send(msgpack.packb({"d": {}}))


async def a_list(double: ObsDouble, connection: Any, request: Any) -> None:
    import msgpack

    await connection.send(msgpack.packb([1, 2, 3]))


async def bytes_inside(double: ObsDouble, connection: Any, request: Any) -> None:
    await double.answer(connection, request, 100, {"scenes": b"\xff\xfe"})


async def data_that_is_text(double: ObsDouble, connection: Any, request: Any) -> None:
    await double.answer(connection, request, 100, "yes")


async def code_that_is_text(double: ObsDouble, connection: Any, request: Any) -> None:
    head = {"requestType": request["requestType"], "requestId": request["requestId"]}
    await double.send(connection, 7, {**head, "requestStatus": {"result": True, "code": "fine"}})


@pytest.mark.parametrize(
    "send", [no_status, no_data, no_op, a_list, bytes_inside, data_that_is_text, code_that_is_text]
)
async def test_what_is_not_of_the_protocol(obs_rig: ObsRig, obs_double: ObsDouble, send: Sent) -> None:
    async def odd(double: ObsDouble, connection: Any, request: Any) -> bool:
        await send(double, connection, request)
        return True

    obs_double.misbehave = odd
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("program", 2.0, sceneName="Main")
    assert caught.value.code is Code.ANSWER_INVALID
    obs_double.misbehave = None
    assert (await obs_rig.perform("scenes")).ok


async def test_an_answer_to_another_request_is_none_to_this(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def other(double: ObsDouble, connection: Any, request: Any) -> bool:
        await double.answer(connection, {**request, "requestId": "of another"})
        return True

    obs_double.misbehave = other
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("program", 0.5, sceneName="Main")
    assert caught.value.code is Code.TARGET_TIMEOUT


async def test_a_batch_that_is_answered_in_part(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def part(double: ObsDouble, connection: Any, request: Any) -> bool:
        await double.send(connection, 9, {"requestId": request["requestId"], "results": []})
        return True

    obs_double.misbehave = part
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("shown", sourceName=["Main"])
    assert caught.value.code is Code.ANSWER_INVALID
