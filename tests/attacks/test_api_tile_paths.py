"""Attack: names of the log's static files that lead elsewhere, or spell a file in a second way (c2sp.org/tlog-tiles).

A cache in front of the kernel must never keep two names for one file, nor a name for none.
"""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from served import Served
from starlette.types import Message, Scope

from infrafabric.witness.tiles import parse_tile_path, tile_path

ELSEWHERE = [
    "tile/0/../../checkpoint",
    "tile/%2e%2e/checkpoint",
    "tile/0/%2e%2e/%2e%2e/v1/capabilities",
    "tile/..%2f..%2fhome.json",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/257",
    "tile/0/000.p/-1",
    "tile/0/000.p/1/",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/x000/000.p/1",
    "tile/00/000.p/1",
    "tile/64/000.p/1",
    "tile/-1/000.p/1",
    "tile/0/000.p/%31",
    "tile/%30/000.p/1",
    "tile/0//000.p/1",
    "tile/0/000.p//1",
    "tile/entries/../0/000.p/1",
    "tile/Entries/000.p/1",
    "tile/data/000.p/1",
    "tile/0/x999/x999/x999/x999/x999/999",
    "tile/0/000",
    "tile/0/٠٠٠.p/1",
    "tile/0/000.p/1%00",
    "tile/0/000.p/1%0d%0aSet-Cookie:%20a=b",
    "tile/0/000.p/9999999999999999999999",
]


@pytest.mark.parametrize("index", [0, 1, 255, 999, 1_000, 123_456_789])
@pytest.mark.parametrize("level", [None, 0, 7, 63])
def test_each_file_has_one_name(level: int | None, index: int) -> None:
    for width in (1, 255, 256):
        assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


async def test_no_other_name_is_served(served: Served) -> None:
    key = await served.key()
    assert (await _get(served, key, "tile/0/000.p/1"))[0] == 200
    for name in ELSEWHERE:
        status, headers = await _get(served, key, name)
        assert status == 404, name
        assert headers[b"content-type"] == b"application/problem+json"
        assert b"set-cookie" not in headers


async def _get(served: Served, key: str, name: str) -> tuple[int, dict[bytes, bytes]]:
    """The answer to a path as it stands on the wire: a client would tidy it up before it is sent."""
    raw = f"/log/{name}".encode()
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(raw.decode()), "raw_path": raw, "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8400"), (b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 8_400),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await served.app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])
