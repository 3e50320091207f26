"""A target answers a byte at a time, always just in time for a timeout that only counts silence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infrafabric.kernel.errors import Code


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"]
)
async def test_the_deadline_covers_the_whole_call(http_peer: Any, http_rig: Any, start: bytes) -> None:
    async def drip(writer: Any) -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)

    http_peer.answer = lambda heard: start
    http_peer.after = drip
    refused = await http_rig.refusal(timeout_s=0.3)
    assert refused.code == Code.TARGET_TIMEOUT
    assert "lamp@desk" in refused.message
    assert len(http_peer.heard) == 1


async def test_the_operator_lowers_the_deadline(http_peer: Any, http_rig: Any) -> None:
    http_peer.answer = lambda heard: b""
    refused = await http_rig.refusal(target=http_rig.target(timeout_s=0.2), timeout_s=50)
    assert refused.code == Code.TARGET_TIMEOUT
    assert "0.2 s" in refused.message


async def test_after_a_timeout_the_late_answer_is_nobodys(http_peer: Any, http_rig: Any, answer: Any) -> None:
    async def late(writer: Any) -> None:
        await asyncio.sleep(0.2)
        writer.write(answer(b"late"))

    http_peer.answer = lambda heard: b""
    http_peer.after = late
    assert (await http_rig.refusal(timeout_s=0.1)).code == Code.TARGET_TIMEOUT
    http_peer.after = None
    http_peer.answer = lambda heard: answer(b"second")
    assert (await http_rig.perform()).value["body"] == "second"
