"""Slow-loris: who sends a little now and then, to hold a connection for ever, is told so and hung up on."""

from __future__ import annotations

import asyncio

import pytest
from echo_server import CLOSE, SLOW_S, problem, said, served

from infrafabric.kernel.errors import Code

EVERY_S = SLOW_S / 8


async def dripping(port: int, first: bytes, drop: bytes) -> bytes:
    """What comes back to whoever sends `first` and then `drop` again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def drip() -> None:
        writer.write(first)
        while True:
            writer.write(drop)
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(drip())
    found = await reader.read()
    task.cancel()
    writer.close()
    return found


@pytest.mark.parametrize(
    ("first", "drop"),
    [(b"GET / HTTP/1.1\r\n", b"X: y\r\n"), (b"GET / HTTP/1.1\r\nX: ", b"a"), (b"GET /", b"a"), (b"", b"\r\n")],
    ids=["headers", "a header", "a path", "empty lines"],
)
async def test_a_head_that_drips_is_not_waited_for(first: bytes, drop: bytes) -> None:
    """Each part comes in time; the head as a whole must."""
    async with served(slow_s=SLOW_S) as (echo, port, _):
        assert problem(await dripping(port, first, drop)) == (408, Code.BUSY.value)
        assert echo.asked == []


async def test_those_who_say_nothing_leave_room_for_others() -> None:
    async with served(slow_s=SLOW_S, connections=16) as (_, port, _server):
        silent = [asyncio.create_task(said(port)) for _ in range(15)]
        assert (await said(port, CLOSE)).endswith(b"\r\n\r\n0")
        for answer in await asyncio.gather(*silent):
            assert problem(answer) == (408, Code.BUSY.value)
