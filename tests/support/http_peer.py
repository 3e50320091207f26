"""A real HTTP server on loopback, and an http driver to call it with, as fixtures `http_peer`, `http_rig`, `answer`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Answer, DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.http.driver import HttpDriver


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def http_answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP/1.1 answer with its length; `content_type=…` gives the header content-type."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class HttpPeer:
    """Hears requests and answers what the test says. It knows no framework and shares no code with the driver."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.answer: Callable[[Heard], bytes] = lambda heard: http_answer()
        self.after: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        """Awaited after each answer."""
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the driver hung up, which is what many of these tests are about, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")[:-2]
            method, target, _ = first.split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.heard.append(Heard(method, target, headers, body))
            writer.write(self.answer(self.heard[-1]))
            await writer.drain()
            if self.after is not None:
                await self.after(writer)

    async def hang_up(self) -> None:
        """End every connection, and await that they are gone."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class HttpRig:
    """An http driver whose redactor knows the secrets given to `secret`, and the words to call it with."""

    def __init__(self, port: int) -> None:
        self.redactor = SecretRedactor()
        self.secrets: dict[str, str] = {}
        self.port = port
        self.dns: Callable[[str], list[str]] = lambda host: ["127.0.0.1"]
        self.driver = self.make()

    def make(self, **options: object) -> HttpDriver:
        async def resolve(host: str, port: int) -> list[str]:
            return self.dns(host)

        return HttpDriver(DriverContext(self.redactor, options), resolve)

    def secret(self, name: str, value: str) -> None:
        self.redactor.learn(value)
        self.secrets[name] = value

    def manifest(self, effects: dict[str, Any] | None = None, **changes: Any) -> Manifest:
        members: dict[str, Any] = {
            "id": "if://capability/lamp.panel",
            "version": "1.0.0",
            "summary": "Set a lamp panel",
            "kind": "state",
            "runtime": "python/1",
            "entrypoint": "panel.py:Panel",
            "intent": {"type": "object", "additionalProperties": False},
            "requires": {"settings": ["HOST", "PORT"], "secrets": sorted(self.secrets)},
            "driver": "http",
            "base": "http://{HOST}:{PORT}",
            "effects": effects or {"state": {"read": "GET /panel"}},
        }
        return Manifest.model_validate({**members, **changes})

    def target(self, **changes: Any) -> Target:
        settings = {"HOST": "127.0.0.1", "PORT": str(self.port)}
        members: dict[str, Any] = {"name": "lamp@desk", "settings": settings, "allow_addresses": ["loopback"]}
        return Target.model_validate({**members, **changes})

    def call(
        self,
        effect: dict[str, Any] | None = None,
        args: dict[str, Any] | None = None,
        *,
        target: Target | None = None,
        timeout_s: float = 5,
        provider_key: str | None = None,
        **changes: Any,
    ) -> DriverCall:
        """A call of the effect `it`, by default `GET /panel`."""
        manifest = self.manifest({"it": effect or {"read": "GET /panel"}}, **changes)
        return DriverCall(manifest, "it", args or {}, target or self.target(), provider_key, timeout_s)

    async def perform(self, *given: Any, **named: Any) -> Answer:
        return await self.driver.perform(self.call(*given, **named), self.secrets)

    async def refusal(self, *given: Any, **named: Any) -> FabricError:
        """The error that `perform` raises."""
        with pytest.raises(FabricError) as caught:
            await self.perform(*given, **named)
        return caught.value


@pytest.fixture
async def http_peer() -> AsyncIterator[HttpPeer]:
    peer = HttpPeer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()
    await peer.hang_up()
    await server.wait_closed()


@pytest.fixture
async def http_rig(http_peer: HttpPeer) -> AsyncIterator[HttpRig]:
    rig = HttpRig(http_peer.port)
    yield rig
    await rig.driver.close()


@pytest.fixture
def answer() -> Callable[..., bytes]:
    """`http_answer`, which writes an HTTP answer."""
    return http_answer


@pytest.fixture
def unused_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
