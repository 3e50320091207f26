"""The feed over WebSocket: the same entries, a first frame that says where to begin, nobody let in who may not."""

from __future__ import annotations

import json

import pytest
from listening import Listening
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope


def opening(listening: Listening, key: str, query: str = "", origin: str | None = None) -> connect:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"ws://127.0.0.1:{listening.port}/v1/events/ws{query}"
    return connect(url, additional_headers=headers, origin=origin, proxy=None)  # type: ignore[arg-type]


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """How the other side closes."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await socket.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_entries_come_as_in_the_event_stream(listening: Listening) -> None:
    served, key = listening.served, await listening.served.key()
    began = served.house.log.size
    await served.house.kernel.act(served.world.lamps(hall=True))
    async with opening(listening, key) as socket:
        await socket.send(json.dumps({"resume": began - 1}))
        await served.house.kernel.act(served.world.lamps(hall=False))
        got = [await socket.recv() for _ in range(served.house.log.size - began)]
    async with listening.stream(key, f"/v1/events?since={began - 1}") as stream:
        events = await stream.many(len(got))
    assert [json.loads(text) for text in got] == [event.data for event in events]


async def test_filters_are_the_same(listening: Listening) -> None:
    served = listening.served
    async with opening(listening, await served.key(), "?kind=action.closed") as socket:
        await socket.send('{"resume": -1}')
        report = await served.house.kernel.act(served.world.lamps(hall=True))
        assert json.loads(await socket.recv())["leaf"]["action"] == report.action


@pytest.mark.parametrize("frame", ["", "[]", '{"resume": "1"}', '{"resume": true}', '{"resume": 1, "more": 2}', "{"])
async def test_a_first_frame_of_another_form_is_refused(listening: Listening, frame: str) -> None:
    async with opening(listening, await listening.served.key()) as socket:
        await socket.send(frame)
        code, reason = await closed(socket)
    assert (code, reason.partition(":")[0]) == (1008, "IF_ERR_USAGE")


async def test_a_place_that_the_log_has_not_reached_is_refused(listening: Listening) -> None:
    async with opening(listening, await listening.served.key()) as socket:
        await socket.send('{"resume": 100000}')
        code, reason = await closed(socket)
    assert (code, reason.partition(":")[0]) == (1008, "IF_ERR_ENTRY_UNKNOWN")


async def test_nobody_is_let_in_who_may_not_read(listening: Listening) -> None:
    plain = await listening.talent("plain")
    keys = [
        "",
        "ifk_nothing",
        await listening.served.key(OPERATOR, [AccessScope.ACT]),
        await listening.served.key(plain),
    ]
    statuses = []
    for key in keys:
        with pytest.raises(InvalidStatus) as caught:
            async with opening(listening, key):
                pass
        statuses.append(caught.value.response.status_code)
    assert statuses == [401, 401, 403, 403]


async def test_a_page_elsewhere_cannot_open_one(listening: Listening) -> None:
    key = await listening.served.key()
    with pytest.raises(InvalidStatus) as caught:
        async with opening(listening, key, origin="http://evil.example"):
            pass
    assert caught.value.response.status_code == 403
    async with opening(listening, key, origin=listening.base) as socket:
        await socket.send("{}")


async def test_a_socket_ends_where_the_feed_does(listening: Listening) -> None:
    async with opening(listening, await listening.served.key()) as socket:
        await socket.send('{"resume": -1}')
        await socket.recv()
        listening.served.service.feed.close()
        code, reason = await closed(socket)
    assert code == 1001
    assert reason.startswith("resume ")
