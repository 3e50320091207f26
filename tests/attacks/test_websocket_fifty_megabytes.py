"""A websocket peer sends a message of 50 MB."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infrafabric.kernel.errors import Code

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def traced() -> Any:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def most_held() -> int:
    return tracemalloc.get_traced_memory()[1]


async def test_one_frame_is_refused_by_its_header(house: Any, house_rig: Any) -> None:
    piece = b"x" * 65_536

    async def pour(connection: Any, message: dict[str, Any]) -> bool:
        # A text frame that announces 50 MB (RFC 6455 section 5.2), written by hand so that the peer holds none of it.
        connection.transport.write(b"\x81\x7f" + (50 * MEBIBYTE).to_bytes(8, "big"))
        for _ in range(50 * MEBIBYTE // len(piece)):
            if connection.transport.is_closing():
                return True
            connection.transport.write(piece)
            await asyncio.sleep(0)
        return True

    house.misbehave = pour
    tracemalloc.reset_peak()
    refused = await house_rig.refusal("all")
    assert refused.code == Code.ANSWER_TOO_LARGE
    assert "1048576" in refused.message
    assert most_held() < 16 * MEBIBYTE


async def test_fragments_that_add_up_are_refused(house: Any, house_rig: Any) -> None:
    async def pour(connection: Any, message: dict[str, Any]) -> bool:
        async def fragments() -> AsyncIterator[str]:
            for _ in range(800):
                yield "x" * 65_536
                await asyncio.sleep(0)

        await connection.send(fragments())
        return True

    house.misbehave = pour
    tracemalloc.reset_peak()
    assert (await house_rig.refusal("all")).code == Code.ANSWER_TOO_LARGE
    assert most_held() < 16 * MEBIBYTE


async def test_a_deflated_bomb_is_no_frame(house: Any, house_rig: Any) -> None:
    async def bomb(connection: Any, message: dict[str, Any]) -> bool:
        connection.transport.write(b"\xc1\x05hello")  # RSV1: compressed, which nobody offered
        return True

    house.misbehave = bomb
    assert (await house_rig.refusal("all")).code == Code.ANSWER_INVALID


async def test_all_that_waited_are_told_and_the_next_is_served(house: Any, house_rig: Any) -> None:
    async def hold(connection: Any, message: dict[str, Any]) -> bool:
        if len(house.heard) == 3:
            await connection.send("[" + "1," * MEBIBYTE + "1]")
        return True

    house.misbehave = hold
    refused = await asyncio.gather(*(house_rig.refusal("all") for _ in range(3)))
    assert {one.code for one in refused} == {Code.ANSWER_TOO_LARGE}
    house.misbehave = None
    assert (await house_rig.perform("all")).ok


async def test_a_manifest_reads_no_more_than_its_own_limit(house: Any, house_rig: Any) -> None:
    house.lamps = {f"lamp {n}": {"name": f"lamp {n}", "lit": True} for n in range(500)}
    assert (await house_rig.perform("all")).ok
    small = {"limits": {"answer_bytes": 4_000}}
    assert (await house_rig.refusal("all", **small)).code == Code.ANSWER_TOO_LARGE
    assert (await house_rig.refusal("lamps", **small)).code == Code.ANSWER_TOO_LARGE
    assert house.connections == 1, "a large answer that another may read costs nobody the connection"
