"""A line peer answers twice, late, to nothing, in halves, or in no form at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infrafabric.kernel.errors import Code


async def test_a_second_reply_is_never_the_next_requests(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: f"NAME OK {line}\r\nNAME OK second\r\n".encode()
    for number in (1, 2, 3):
        answer = await matrix_rig.perform("name", {"output": number})
        assert answer.value["body"] == f"NAME {number}"
        await asyncio.sleep(0.05)


async def test_a_reply_to_nothing_is_nobodys(matrix: Any, matrix_rig: Any) -> None:
    matrix.greeting = b"READY 1.0\r\n"

    async def chatter(line: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ROUTE OK\r\nSTATUS fine\r\n")

    matrix.after = chatter
    assert (await matrix_rig.perform("name", {"output": 1})).value["body"] == "Output 1"
    await asyncio.sleep(0.05)
    matrix.after = None
    matrix.reply = lambda line: b""
    refused = await matrix_rig.refusal("route", {"output": 1, "input": 2}, timeout_s=0.2)
    assert refused.code == Code.TARGET_TIMEOUT


async def test_after_a_deadline_the_late_reply_is_nobodys(matrix: Any, matrix_rig: Any) -> None:
    async def late(line: str, writer: asyncio.StreamWriter) -> None:
        if line == "NAME 1":
            await asyncio.sleep(0.2)
            writer.write(b"NAME OK late\r\n")

    matrix.reply = lambda line: b"" if line == "NAME 1" else None
    matrix.after = late
    assert (await matrix_rig.refusal("name", {"output": 1}, timeout_s=0.1)).code == Code.TARGET_TIMEOUT
    await asyncio.sleep(0.15)
    assert (await matrix_rig.perform("name", {"output": 2})).value["body"] == "Output 2"


async def test_a_cancelled_request_leaves_no_reply_behind(matrix: Any, matrix_rig: Any) -> None:
    async def late(line: str, writer: asyncio.StreamWriter) -> None:
        if line == "NAME 1":
            await asyncio.sleep(0.1)
            writer.write(b"NAME OK late\r\n")

    matrix.reply = lambda line: b"" if line == "NAME 1" else None
    matrix.after = late
    task = asyncio.create_task(matrix_rig.perform("name", {"output": 1}))
    while not matrix.heard:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await matrix_rig.perform("name", {"output": 2})).value["body"] == "Output 2"


async def test_half_a_line_is_no_answer(matrix: Any, matrix_rig: Any) -> None:
    async def hang_up(line: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.transport.abort()

    matrix.reply = lambda line: b"NAME OK Outp"
    matrix.after = hang_up
    assert (await matrix_rig.refusal("name", {"output": 1})).code == Code.TARGET_LOST


async def test_half_a_body_is_no_answer(matrix: Any, matrix_rig: Any) -> None:
    async def hang_up(line: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.transport.abort()

    matrix.reply = lambda line: b"ROUTES 12\r\n1=1\n"
    matrix.after = hang_up
    assert (await matrix_rig.refusal("routes")).code == Code.TARGET_LOST


@pytest.mark.parametrize("line", [b"ROUTES 99999999999\r\n", b"ROUTES 1048577\r\n", b"ROUTES " + b"9" * 300 + b"\r\n"])
async def test_a_giant_body_is_refused_before_it_comes(matrix: Any, matrix_rig: Any, line: bytes) -> None:
    matrix.reply = lambda _: line
    assert (await matrix_rig.refusal("routes")).code == Code.ANSWER_TOO_LARGE


async def test_an_endless_line_is_cut_off(matrix: Any, matrix_rig: Any) -> None:
    written = 0

    async def pour(line: str, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        while not writer.transport.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536
            await asyncio.sleep(0)

    matrix.reply = lambda line: b""
    matrix.after = pour
    assert (await matrix_rig.refusal("routes")).code == Code.ANSWER_TOO_LARGE
    await matrix.stop()
    assert written < 50 << 20


async def test_a_flood_of_lines_is_passed_over(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: b"noise\r\n" * 100_000 + b"NAME OK Output 1\r\n"
    assert (await matrix_rig.perform("name", {"output": 1})).value["body"] == "Output 1"


async def test_garbage_is_no_answer(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: bytes(range(256)) * 20 + b"\r\n"
    assert (await matrix_rig.refusal("name", {"output": 1}, timeout_s=0.2)).code == Code.TARGET_TIMEOUT


async def test_the_pin_sent_back_is_masked(matrix: Any, matrix_rig: Any) -> None:
    pin = matrix_rig.secrets["MATRIX_PIN"]
    matrix.reply = lambda line: b"NAME OK is %s\r\n" % pin.encode()
    answer = await matrix_rig.perform("name", {"output": 1})
    assert answer.value == {"line": "NAME OK is [***]", "body": "is [***]"}
    matrix.reply = lambda line: b"NAME ER is %s\r\n" % pin.encode()
    assert (await matrix_rig.perform("name", {"output": 1})).problem == "is [***]"
    body = b"\xff" + pin.encode()
    matrix.reply = lambda line: b"ROUTES %d\r\n" % len(body) + body
    assert pin not in str((await matrix_rig.perform("routes")).value)
    matrix.pin = "another"
    matrix.greeting = b"READY\r\n"
    await matrix_rig.driver.forget("matrix@one")
    assert pin not in (await matrix_rig.refusal("routes")).message


async def test_a_peer_that_stalls(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: b""
    assert (await matrix_rig.refusal("name", {"output": 1}, timeout_s=0.2)).code == Code.TARGET_TIMEOUT
    matrix.greeting = b""
    refused = await matrix_rig.refusal("name", {"output": 1}, timeout_s=0.2)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert matrix.heard == ["NAME 1"]
