"""Headers that are too large, that hold line breaks, or that come twice."""

from __future__ import annotations

import asyncio

import pytest
from served import Served, listening
from starlette.types import Message, Scope


async def _asked(served: Served, *headers: tuple[bytes, bytes], path: str = "/v1/me") -> tuple[int, bytes, Message]:
    """Status, body and start of the answer to headers that no client would send."""
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("127.0.0.1", 8400),
        "client": ("127.0.0.1", 40_000), "headers": list(headers),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await served.app(scope, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]), sent[0]


HOST = (b"host", b"127.0.0.1:8400")


async def test_a_line_break_in_a_header_is_refused(served: Served) -> None:
    for value in (b"a\r\nX-Admin: yes", b"a\nb", b"a\0b"):
        status, body, start = await _asked(served, HOST, (b"x-note", value))
        assert (status, b"IF_ERR_HEADER_INVALID" in body) == (400, True)
        assert all(b"\n" not in one for pair in start["headers"] for one in pair)


async def test_a_line_break_in_a_query_stays_in_it(served: Served) -> None:
    client = await served.operator()
    for _ in range(3):
        await served.key()
    answer = await client.get("/v1/keys?limit=1&talent=operator&note=a%0d%0aSet-Cookie:%20x=y")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "%0D%0A" in answer.headers["link"].upper()


async def test_headers_over_the_limit_are_refused(served: Served) -> None:
    status, body, _ = await _asked(served, HOST, (b"x-note", b"x" * served.house.settings.serve.header_bytes))
    assert (status, b"IF_ERR_HEADERS_TOO_LARGE" in body) == (431, True)
    many = [(b"x-%d" % number, b"y" * 20) for number in range(2_000)]
    assert (await _asked(served, HOST, *many))[0] == 431


async def test_a_line_over_the_limit_is_refused(served: Served) -> None:
    assert (await _asked(served, HOST, path="/v1/" + "x" * served.house.settings.serve.header_bytes))[0] == 431


@pytest.mark.parametrize("hosts", [[], [b"127.0.0.1", b"127.0.0.1"], [b"127.0.0.1", b"evil.example"]])
async def test_one_host_is_named_and_no_more(served: Served, hosts: list[bytes]) -> None:
    status, body, _ = await _asked(served, *((b"host", host) for host in hosts))
    assert (status, b"IF_ERR_HEADER_INVALID" in body) == (400, True)


@pytest.mark.parametrize("lengths", [[b"1", b"2"], [b"-1"], [b"1_0"], [b"0x10"], [b"9" * 19], ["٣".encode()]])
async def test_a_length_that_is_none_is_refused(served: Served, lengths: list[bytes]) -> None:
    status, body, _ = await _asked(served, HOST, *((b"content-length", length) for length in lengths))
    assert (status, b"IF_ERR_HEADER_INVALID" in body) == (400, True)


async def test_a_request_that_is_two_is_answered_as_one(served: Served) -> None:
    """A length and chunks at once, by which a proxy and a server may cut the stream in different places."""
    async with listening(served.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        answer = await reader.read(65_536)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 4")
    assert answer.count(b"HTTP/1.1 ") == 1
