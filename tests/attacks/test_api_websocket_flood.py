"""A caller floods its WebSocket: with frames, a huge frame, silence. It is closed, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from listening import Listening
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from infrafabric.control.api.streams import websocket


def opening(listening: Listening, key: str) -> connect:
    url = f"ws://127.0.0.1:{listening.port}/v1/events/ws"
    return connect(url, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None, compression=None)


async def closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await socket.recv()
    return caught.value.rcvd.code if caught.value.rcvd is not None else 0


async def test_frames_without_end(listening: Listening) -> None:
    key = await listening.served.key()
    async with opening(listening, key) as quiet, opening(listening, key) as flooding:
        await quiet.send("{}")
        await flooding.send("{}")
        with pytest.raises(ConnectionClosed) as caught:
            for _ in range(100_000):
                await flooding.send("again")
                await asyncio.sleep(0)  # the server is in the same loop
        code = caught.value.rcvd.code if caught.value.rcvd is not None else await closed(flooding)
        assert code == 1008
        report = await listening.served.house.kernel.act(listening.served.world.lamps(hall=True))
        assert json.loads(await quiet.recv())["leaf"]["action"] in (report.action, "")


@pytest.mark.parametrize("first", [True, False])
async def test_a_frame_that_is_too_large(listening: Listening, first: bool) -> None:
    async with opening(listening, await listening.served.key()) as socket:
        if not first:
            await socket.send("{}")
        await socket.send("x" * 100_000)
        assert await closed(socket) == 1009


async def test_a_frame_in_parts_that_do_not_end(listening: Listening) -> None:
    async with opening(listening, await listening.served.key()) as socket:

        async def parts() -> AsyncIterator[str]:
            for _ in range(100_000):
                yield "x" * 10_000

        with pytest.raises(ConnectionClosed):
            await socket.send(parts())


async def test_silence(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "FIRST_S", 0.1)
    async with opening(listening, await listening.served.key()) as socket:
        assert await closed(socket) == 1008
    while listening.served.service.places.taken:
        await listening.served.house.kernel.expire()
