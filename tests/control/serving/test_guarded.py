"""Connections that send slowly, too much or nothing are ended; others are not."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from echo_server import CLOSE, SLOW_S, problem, said, served

from infrafabric.kernel.errors import Code


async def test_an_ordinary_request_is_answered() -> None:
    async with served(slow_s=SLOW_S) as (_, port, _server):
        assert (await said(port, CLOSE)).endswith(b"\r\n\r\n0")
        body = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n"
        assert (await said(port, body, b"x" * 150_000, b"x" * 150_000, pause_s=0.1)).endswith(b"300000")


@pytest.mark.parametrize("head", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-", b"GET /" + b"a" * 1_000])
async def test_a_head_that_does_not_come_is_not_waited_for(head: bytes) -> None:
    async with served(slow_s=SLOW_S) as (echo, port, _):
        assert problem(await said(port, head)) == (408, Code.BUSY.value)
        assert echo.asked == []
        assert (await said(port, CLOSE)).endswith(b"0")


async def test_a_body_that_stops_is_not_waited_for_and_its_request_is_not_done() -> None:
    async with served(slow_s=SLOW_S) as (echo, port, _):
        part = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive."
        assert problem(await said(port, part)) == (408, Code.BUSY.value)
        assert (echo.asked, echo.broken) == (["/"], 1)


async def test_a_body_whose_parts_come_in_time_may_take_longer() -> None:
    async with served(slow_s=SLOW_S) as (_, port, _server):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"
        assert (await said(port, head, *[b"x"] * 8, pause_s=SLOW_S / 4)).endswith(b"\r\n\r\n8")


async def test_an_answer_may_take_longer_than_a_request() -> None:
    async with served(slow_s=SLOW_S) as (echo, port, _):
        asking = asyncio.create_task(said(port, CLOSE.replace(b"GET /", b"GET /later")))
        await echo.waiting.wait()
        await asyncio.sleep(3 * SLOW_S)
        echo.go.set()
        assert (await asking).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2_000 + b"\r\n",
    ],
    ids=["one", "path", "many"],
)
async def test_a_head_that_is_too_long_is_refused(head: bytes) -> None:
    async with served(header_bytes=8_192) as (echo, port, _):
        assert problem(await said(port, head)) == (431, Code.TOO_LARGE.value)
        assert echo.asked == []


async def test_a_header_without_an_end_is_refused() -> None:
    async with served(header_bytes=8_192) as (echo, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        sent = 0
        with suppress(ConnectionError):  # the answer is lost where more is sent than was read
            while not reader.at_eof():
                writer.write(b"a" * 4_096)
                sent += 4_096
                await writer.drain()
                await asyncio.sleep(0.001)
        writer.close()
        assert sent < 1 << 20
        assert echo.asked == []


async def test_bodies_and_further_requests_on_a_connection_are_no_head() -> None:
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
    async with served(header_bytes=8_192) as (echo, port, _):
        answer = await said(port, body + body + CLOSE)
        assert answer.count(b"HTTP/1.1 200") == 3
        assert len(echo.asked) == 3


async def test_what_is_no_http_is_refused() -> None:
    async with served() as (echo, port, _):
        assert problem(await said(port, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")) == (400, Code.USAGE.value)
        assert echo.asked == []


async def test_one_connection_too_many_is_told_and_the_others_stay() -> None:
    async with served(connections=8) as (_, port, _server):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        assert problem(await said(port, CLOSE)) == (503, Code.BUSY.value)
        reader, writer = held[0]
        writer.write(CLOSE)
        assert (await reader.read()).endswith(b"\r\n\r\n0")
        for _, other in held:
            other.close()


async def test_at_the_end_requests_in_hand_are_finished_and_none_is_begun() -> None:
    async with served(stop_s=20) as (echo, port, server):
        asking = asyncio.create_task(said(port, CLOSE.replace(b"GET /", b"GET /later")))
        await echo.waiting.wait()
        server.end()
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                break
            writer.close()
            await asyncio.sleep(0.02)
        echo.go.set()
        assert (await asking).endswith(b"\r\n\r\n0")
    assert echo.asked == ["/later"]
