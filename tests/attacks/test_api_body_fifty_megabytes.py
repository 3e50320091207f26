"""A body of 50 MB, declared or in chunks without a length, is refused before it is read."""

from __future__ import annotations

import asyncio

from served import Served, listening

PIECE = b"x" * 65_536
WHOLE = 50 << 20


async def _answer(port: int, head: bytes, pieces: int, *, chunked: bool) -> tuple[bytes, int]:
    """The answer's bytes, and how much of the body could be sent until it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    sent = 0
    answering = asyncio.ensure_future(reader.read(65_536))
    try:
        for _ in range(pieces):
            if answering.done():
                break
            writer.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
            await writer.drain()
            sent += len(PIECE)
            await asyncio.sleep(0)
    except (ConnectionError, OSError):
        pass  # the server hung up, which is its right
    answer = await answering
    writer.close()
    return answer, sent


async def test_a_declared_length_is_refused_unread(served: Served) -> None:
    key = await served.key()
    async with listening(served.app) as port:
        head = (
            f"POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {WHOLE}\r\n\r\n"
        )
        answer, _ = await _answer(port, head.encode(), 0, chunked=False)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"IF_ERR_TOO_LARGE" in answer
    assert b"connection: close" in answer.lower()


async def test_chunks_are_counted_as_they_come(served: Served) -> None:
    key = await served.key()
    async with listening(served.app) as port:
        head = (
            f"POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        answer, sent = await _answer(port, head.encode(), WHOLE // len(PIECE), chunked=True)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"IF_ERR_TOO_LARGE" in answer
    assert sent < 16 << 20  # the limit, and what the sockets hold


async def test_who_is_not_known_makes_nobody_read_it(served: Served) -> None:
    async with listening(served.app) as port:
        head = f"POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {WHOLE}\r\n\r\n"
        answer, _ = await _answer(port, head.encode(), 0, chunked=False)
    assert answer.startswith(b"HTTP/1.1 413 ")
