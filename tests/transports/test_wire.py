"""A byte stream with a protocol core at its end, against sockets that misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from infrafabric.kernel.words.things import AddressClass
from infrafabric.transports.address import Pin
from infrafabric.transports.endpoint import compile_base
from infrafabric.transports.lasting.session import Ended, Event
from infrafabric.transports.lasting.wire import dial


class Talkative:
    """Says more than the peer reads, and takes anything for its leave."""

    limit = 1 << 20
    opened = True
    one_at_a_time = False

    def __init__(self) -> None:
        self._out = b"x" * (7 << 19)

    def begin(self) -> None:
        return None

    def receive(self, data: bytes) -> Iterator[Event]:
        raise Ended("it restarts")

    def ask(self, request: Any) -> int:
        raise AssertionError("nobody asks")

    def forget(self, ticket: int) -> bool:
        return True

    def probe(self) -> int | None:
        return None

    def outgoing(self) -> bytes:
        data, self._out = self._out, b""
        return data


async def test_last_words_that_nobody_reads_keep_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.transports.lasting.wire.PARTING_S", 0.2)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"goodbye")
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, sock=listening, limit=1024)
    port = listening.getsockname()[1]
    endpoint = compile_base("tcp://{A}:{B}", ("tcp",)).fill("a", {"A": "127.0.0.1", "B": str(port)})
    ended: list[Exception] = []
    deadline = asyncio.get_running_loop().time() + 5
    pin = Pin(endpoint, frozenset({"127.0.0.1"}), frozenset({AddressClass.LOOPBACK}), ("127.0.0.1",))
    wire = await dial(pin, None, Talkative, lambda event: None, ended.append, deadline)
    try:
        async with asyncio.timeout(3):
            await wire._gone
    finally:
        over.set()
        wire.abort()
        server.close()
    assert [type(reason) for reason in ended] == [Ended]
