"""Real peers on loopback for the drivers on lasting connections, written against the protocols and not the drivers.

`House` is a websocket server with lamps, as registry/examples/websocket.yaml speaks to it; `Matrix` a TCP server with
lines, as registry/examples/tcp.yaml does. Both can be stopped and started again on their port, and misbehave on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from homes import Ifctl
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Answer, DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.tcp.driver import TcpDriver
from infrafabric.transports.websocket.driver import WebSocketDriver

TOKEN = "token-of-the-house-42"
PIN = "pin-of-the-matrix-42"
EXAMPLES = Path(__file__).parents[2] / "registry" / "examples"

Misbehaviour = Callable[[ServerConnection, dict[str, Any]], Awaitable[bool]]
"""Given the connection and a message after the opening; True: it was dealt with."""


class House:
    """A house's lamps over websocket."""

    def __init__(self) -> None:
        self.lamps: dict[str, dict[str, Any]] = {
            name: {"name": name, "lit": False} for name in ("Küche", "Halle", "Flur")
        }
        self.token = TOKEN
        self.heard: list[dict[str, Any]] = []
        self.connections = 0
        self.port = 0
        self.misbehave: Misbehaviour | None = None
        self.greeting: Callable[[ServerConnection], Awaitable[None]] | None = None
        """Instead of the opening."""
        self.open: dict[ServerConnection, list[int]] = {}
        """Connections that were let in, and the ids of their subscriptions."""
        self.tls: ssl.SSLContext | None = None
        self._server: Server | None = None

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, ssl=self.tls, compression=None, max_size=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a process that ends: the port is free and every connection gone."""
        if self._server is not None:
            for connection in list(self._server.connections):
                connection.transport.abort()
            self._server.close(close_connections=False)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            if self.greeting is not None:
                await self.greeting(connection)
                return
            await send(connection, type="auth_required")
            said = json.loads(await connection.recv())
            if said != {"type": "auth", "token": self.token}:
                await send(connection, type="auth_invalid", message=f"no such token {said.get('token')}")
                return
            await send(connection, type="auth_ok")
            self.open[connection] = []
            try:
                async for text in connection:
                    await self._answer(connection, json.loads(text))
            finally:
                self.open.pop(connection, None)

    async def _answer(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        self.heard.append(message)
        if self.misbehave is not None and await self.misbehave(connection, message):
            return
        number, kind = message["id"], message["type"]
        if kind == "ping":
            await send(connection, id=number, type="pong")
        elif kind == "subscribe":
            self.open[connection].append(number)
            await done(connection, number)
        elif kind == "get_lamps":
            await done(connection, number, list(self.lamps.values()))
        elif kind == "switch":
            if message["name"] not in self.lamps:
                await send(connection, id=number, type="result", success=False, error={"message": "no such lamp"})
                return
            await self.change(message["name"], {"name": message["name"], "lit": message["lit"]})
            await done(connection, number)
        else:
            await send(connection, id=number, type="result", success=False, error={"message": "unknown"})

    async def change(self, name: str, lamp: dict[str, Any] | None) -> None:
        """Another hand changes a lamp, or removes it; all subscribers are told."""
        if lamp is None:
            self.lamps.pop(name, None)
        else:
            self.lamps[name] = lamp
        await self.tell({"name": name, "lamp": lamp})

    async def tell(self, event: dict[str, Any]) -> None:
        for connection, subscriptions in list(self.open.items()):
            for number in subscriptions:
                with contextlib.suppress(ConnectionClosed, ConnectionError):
                    await send(connection, id=number, type="event", event=event)

    def requests(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["type"] == kind]


async def send(connection: ServerConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def done(connection: ServerConnection, number: int, result: Any = None) -> None:
    await send(connection, id=number, type="result", success=True, result=result)


class Matrix:
    """A video matrix over lines. `reply` may be replaced to misbehave: it gives the bytes for a line."""

    def __init__(self) -> None:
        self.routes = {1: 1, 2: 2, 3: 3}
        self.pin = PIN
        self.heard: list[str] = []
        self.connections = 0
        self.port = 0
        self.greeting = b"READY 1.0\r\n"
        self.reply: Callable[[str], bytes | None] = lambda line: None
        """The answer to a line after the login; None: as a matrix answers. b"" is no answer."""
        self.after: Callable[[str, asyncio.StreamWriter], Awaitable[None]] | None = None
        self.subscribers: set[asyncio.StreamWriter] = set()
        self.tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self.subscribers.discard(writer)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        login = await line_of(reader)
        if login != f"LOGIN {self.pin}":
            writer.write(b"LOGIN ER wrong pin\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
            return
        writer.write(b"LOGIN OK\r\n")
        while True:
            line = await line_of(reader)
            self.heard.append(line)
            given = self.reply(line)
            writer.write(self._answer(line, writer) if given is None else given)
            await writer.drain()
            if self.after is not None:
                await self.after(line, writer)

    def _answer(self, line: str, writer: asyncio.StreamWriter) -> bytes:
        verb, *rest = line.split(" ")
        if verb == "NOOP":
            return b"NOOP OK\r\n"
        if verb == "ROUTES":
            body = "".join(f"{output}={item}\n" for output, item in sorted(self.routes.items())).encode()
            return b"ROUTES %d\r\n" % len(body) + body
        if verb == "NAME":
            number = int(rest[0])
            return b"NAME OK Output %d\r\n" % number if number in self.routes else b"NAME ER no such output\r\n"
        if verb == "ROUTE":
            self.tell(int(rest[0]), int(rest[1]))
            return b"ROUTE OK\r\n"
        if verb == "SUBSCRIBE":
            self.subscribers.add(writer)
            return b"SUBSCRIBE OK ROUTES\r\n"
        return b"ER what?\r\n"

    def tell(self, output: int, item: int) -> None:
        """Route, by whatever hand; all subscribers are told."""
        self.routes[output] = item
        for writer in self.subscribers:
            writer.write(b"ROUTED %d %d\r\n" % (output, item))


async def line_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\n")).decode().rstrip("\r\n")


class LastingRig:
    """A driver, its example manifest, and the words to call it with."""

    def __init__(self, kind: str, prefix: str, port: int, secrets: dict[str, str]) -> None:
        self.redactor = SecretRedactor()
        self.kind = kind
        self.prefix = prefix
        self.port = port
        self.secrets: dict[str, str] = {}
        for name, value in secrets.items():
            self.secret(name, value)
        self.dns: Callable[[str], list[str]] = lambda host: ["127.0.0.1"]
        self.driver: Any = self.make()
        self._manifest = yaml.safe_load((EXAMPLES / f"{kind}.yaml").read_text("utf-8"))
        self._made: dict[str, Manifest] = {}

    def make(self, **options: object) -> Any:
        async def resolve(host: str, port: int) -> list[str]:
            return self.dns(host)

        kinds: dict[str, Any] = {"websocket": WebSocketDriver, "tcp": TcpDriver}
        return kinds[self.kind](DriverContext(self.redactor, options), resolve)

    def secret(self, name: str, value: str) -> None:
        self.redactor.learn(value)
        self.secrets[name] = value

    def manifest(self, **changes: Any) -> Manifest:
        """The example, with members replaced; the same object for the same changes, as in a kernel."""
        key = json.dumps(changes, sort_keys=True)
        if key not in self._made:
            self._made[key] = Manifest.model_validate({**self._manifest, **changes})
        return self._made[key]

    def effects(self, **changes: Any) -> dict[str, Any]:
        """The example's effects, with some replaced, for `manifest(effects=…)`."""
        return {**self._manifest["effects"], **changes}

    def target(self, **changes: Any) -> Target:
        settings = {f"{self.prefix}_HOST": "127.0.0.1", f"{self.prefix}_PORT": str(self.port)}
        product = self._manifest["id"].rpartition("/")[2].partition(".")[0]
        members: dict[str, Any] = {"name": f"{product}@one", "settings": settings, "allow_addresses": ["loopback"]}
        return Target.model_validate({**members, **changes})

    def call(
        self,
        effect: str,
        args: dict[str, Any] | None = None,
        *,
        target: Target | None = None,
        timeout_s: float = 5,
        **changes: Any,
    ) -> DriverCall:
        return DriverCall(self.manifest(**changes), effect, args or {}, target or self.target(), None, timeout_s)

    async def perform(self, effect: str, args: dict[str, Any] | None = None, **named: Any) -> Answer:
        answer: Answer = await self.driver.perform(self.call(effect, args, **named), self.secrets)
        return answer

    async def refusal(self, effect: str, args: dict[str, Any] | None = None, **named: Any) -> FabricError:
        with pytest.raises(FabricError) as caught:
            await self.perform(effect, args, **named)
        return caught.value

    def health(self, target: str = "") -> Any:
        return self.driver.health().get(target or self.target().name)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    peer = House()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def house_rig(house: House) -> AsyncIterator[LastingRig]:
    rig = LastingRig("websocket", "HOUSE", house.port, {"HOUSE_TOKEN": TOKEN})
    yield rig
    await rig.driver.close()


@pytest.fixture
def living_house() -> Iterator[House]:
    """A house in a thread of its own: ifctl brings its own event loop. Change its members between commands only."""
    peer, loop, ready, stop = House(), asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def live() -> None:
        await peer.start()
        ready.set()
        await stop.wait()
        await peer.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield peer
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


LAMPS = """
from infrafabric.adapters.sdk import Adapter, Change, Plan, Refuse


class Lamps(Adapter):
    async def plan(self, intent, host):
        answer = await host.read("lamps", names=intent["lamps"])
        lamps = answer.value["items"]
        changes = []
        for name in intent["lamps"]:
            if lamps[name] is None:
                raise Refuse(f"no lamp is called {name}")
            if lamps[name]["lit"] != intent["lit"]:
                changes.append(Change(
                    "switch", {"name": name, "lit": intent["lit"]},
                    before={name: lamps[name]["lit"]}, after={name: intent["lit"]},
                ))
        return Plan(changes)
"""


@pytest.fixture
def house_home(bare_home: Ifctl, living_house: House, tmp_path: Path) -> Ifctl:
    """ifctl on a home that may switch the living house's lamps, by the example's manifest and a small adapter."""
    source = tmp_path / "lamps"
    source.mkdir()
    manifest = yaml.safe_load((EXAMPLES / "websocket.yaml").read_text("utf-8"))
    (source / "lamps.yaml").write_text(yaml.safe_dump({**manifest, "files": ["lamps.py"]}), "utf-8")
    (source / "lamps.py").write_text(LAMPS, "utf-8")
    run = bare_home
    run.ok("trust", "publisher", "acme", "--key", "own", "--pattern", "house.*", "--why", "x")
    run.ok("adapter", "sign", str(source), "--manifest", "lamps.yaml", "--out", str(tmp_path / "bundle"))
    run.ok("adapter", "install", str(tmp_path / "bundle"))
    run.ok("trust", "allow", "house.lamps@1.0.0", "--why", "x")
    run.ok("secret", "set", "TOKEN", "--why", "x", stdin=TOKEN)
    settings = ("HOUSE_HOST=127.0.0.1", f"HOUSE_PORT={living_house.port}", "--secret", "HOUSE_TOKEN=vault:TOKEN")
    run.ok("target", "add", "house@one", *settings, "--allow-address", "loopback", "--why", "x")
    run.ok("talent", "grant", "--name", "operator", "--capability", "house.lamps", "--why", "x")
    return run


@pytest.fixture
async def matrix() -> AsyncIterator[Matrix]:
    peer = Matrix()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def matrix_rig(matrix: Matrix) -> AsyncIterator[LastingRig]:
    rig = LastingRig("tcp", "MATRIX", matrix.port, {"MATRIX_PIN": PIN})
    yield rig
    await rig.driver.close()
