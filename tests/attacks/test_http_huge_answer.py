"""A target answers without end."""

from __future__ import annotations

import asyncio
from typing import Any

from infrafabric.kernel.errors import Code

LIMITS = {"limits": {"answer_bytes": 10_000}}


async def test_a_declared_giant_is_not_read(http_peer: Any, http_rig: Any) -> None:
    http_peer.answer = lambda heard: b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n"
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_TOO_LARGE


async def test_a_giant_in_chunks_is_cut_off(http_peer: Any, http_rig: Any) -> None:
    written = 0

    async def pour(writer: Any) -> None:
        nonlocal written
        while True:
            writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            await writer.drain()
            written += 0x1000
            await asyncio.sleep(0)

    http_peer.answer = lambda heard: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    http_peer.after = pour
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_TOO_LARGE
    await http_peer.hang_up()
    assert written < 100_000_000


async def test_an_answer_of_just_the_limit_is_read(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(b"x" * 10_000)
    assert len((await http_rig.perform(**LIMITS)).value["body"]) == 10_000
    http_peer.answer = lambda heard: answer(b"x" * 10_001)
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_TOO_LARGE


async def test_endless_headers_are_cut_off(http_peer: Any, http_rig: Any) -> None:
    http_peer.answer = lambda heard: b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000))
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_INVALID
