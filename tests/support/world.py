"""A small house to act on: a real HTTP server with lamps (a state) and a bell (an event), and what is wrong with it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest

from infrafabric.control.changes import adopt
from infrafabric.control.home import Home
from infrafabric.control.house import House, Mode, open_house
from infrafabric.control.making import make_home
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask, Purpose
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import AddressClass, Grant, Target
from infrafabric.keys.passphrase import Passphrase
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow


@dataclass
class Peer:
    """The house. `writes` are the requests that reached it and were meant to change something, in order."""

    port: int = 0
    lamps: dict[str, bool] = field(default_factory=lambda: {"hall": False, "porch": False, "attic": False})
    rings: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """Idempotency key → ring id: a provider that honours keys."""
    deaf: bool = False
    """Says yes and does nothing."""
    refuses: int = 0
    """Answers writes with this status, and does nothing."""
    refuses_first: list[int] = field(default_factory=list)
    """Statuses for the next writes, in order, which do nothing; then it is well again. 0 hangs up instead."""
    retry_after: str = ""
    """Sent as Retry-After with what is refused so."""
    hang_up: bool = False
    """Does what is asked and drops the connection instead of answering."""
    late: threading.Event | None = None
    """Writes are answered when this is set."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set when a write has arrived."""

    def write(self, method: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        self.writes.append(f"{method} {path}")
        self.arrived.set()
        if self.refuses_first:
            return self.refuses_first.pop(0), {"error": "the house is not well"}
        if self.refuses:
            return self.refuses, {"error": "the house says no"}
        parts = path.strip("/").split("/")
        if method == "POST" and parts[0] == "lamps" and parts[1] in self.lamps:
            if not self.deaf:
                self.lamps[parts[1]] = body["on"]
            return 200, {"lamp": parts[1]}
        if method == "POST" and parts == ["bell"]:
            if key and key in self.keys:
                return 200, {"ring": {"id": self.keys[key]}}
            ring = f"ring_{len(self.rings) + 1}"
            self.rings[ring] = {"id": ring, "tone": body["tone"]}
            if key:
                self.keys[key] = ring
            return 201, {"ring": {"id": ring}}
        if method == "DELETE" and parts[0] == "rings" and parts[1] in self.rings:
            del self.rings[parts[1]]
            return 200, {}
        return 404, {}

    def read(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        self.reads.append(path)
        if path == "/state":
            return 200, {"lamps": dict(self.lamps), "reads": len(self.reads)}
        if path == "/rings":
            ring = self.keys.get(query.get("provider_key", [""])[0])
            return (200, {"ring": self.rings[ring]}) if ring else (404, {})
        return 404, {}


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._answer(*peer.read(url.path, parse_qs(url.query)))

        def do_POST(self) -> None:
            self._write()

        def do_DELETE(self) -> None:
            self._write()

        def _write(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            key = self.headers.get("idempotency-key", "")
            status, answer = peer.write(self.command, self.path, json.loads(body or b"{}"), key)
            if peer.late is not None:
                peer.late.wait(20)
            if peer.hang_up or status == 0:
                self.close_connection = True
                return
            self._answer(status, answer)

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if peer.retry_after and "not well" in str(answer):
                self.send_header("retry-after", peer.retry_after)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A kernel that is killed leaves its connections torn; that is the point of those tests."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    with _running() as house:
        yield house


@pytest.fixture
def second_peer() -> Iterator[Peer]:
    """Another house, at another address."""
    with _running() as house:
        yield house


@contextmanager
def _running() -> Iterator[Peer]:
    house = Peer()
    with _Server(("127.0.0.1", 0), _handler(house)) as server:
        house.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield house
        finally:
            server.shutdown()
            thread.join()


HOUSE = Path(__file__).with_name("house")
CAPABILITIES = ("lamps", "bell", "chime", "gong")
TARGET = "house@home"
NOBODY = Passphrase(environ={})


@dataclass
class World:
    """A development home with the house's adapters installed, allowed and granted to its operator."""

    home: Home
    peer: Peer

    def opened(self, mode: Mode = "acting") -> AbstractAsyncContextManager[House]:
        return open_house(self.home, mode, passphrase=NOBODY)

    def ask(self, capability: str, intent: dict[str, Any], purpose: Purpose = "apply", **more: Any) -> Ask:
        members = {"why": "the test says so", "talent": OPERATOR, "target": TARGET, **more}
        return Ask(capability=capability_id(capability), intent=intent, purpose=purpose, **members)

    def lamps(self, purpose: Purpose = "apply", /, **lamps: bool) -> Ask:
        return self.ask("house.lamps", {"lamps": lamps}, purpose)

    def command(self, *arguments: str) -> list[str]:
        """The command line of a kernel process of its own on this home, which dies where it is told to."""
        return [sys.executable, str(Path(__file__).with_name("kernel_process.py")), str(self.home.root), *arguments]

    async def adopt(self, house: House, capability: str, manifest_file: str, folder: Path = HOUSE) -> str:
        """Sign, install and allow a capability; its bundle's digest."""
        bundle = sign_bundle(folder, manifest_file, house.keystore.load("publisher"))
        house.bundles.install(bundle)
        house.registry.refresh()
        manifest = bundle.manifest
        trust = allow(house.trusted.trust, manifest.id, manifest.version, bundle.digest)
        await adopt(
            house, sign_trust(trust, house.keystore.load("root")), f"allow {capability}", "test", new_trace_id()
        )
        return bundle.digest

    async def grant(self, house: House, capability: str, change: Literal["set", "revoked"] = "set") -> None:
        operator = house.operator(new_trace_id())
        grant = Grant(talent=OPERATOR, capability=capability_id(capability), target=TARGET)
        await house.record(operator.grant(grant, "test", change))

    async def move(self, house: House, port: int) -> None:
        """Say where the house is."""
        target = Target(name=TARGET, settings={"HOUSE_PORT": str(port)}, allow_addresses=(AddressClass.LOOPBACK,))
        await house.record(house.operator(new_trace_id()).target(target, "test"))


@pytest.fixture(scope="session")
async def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with everything but the house's address, its component compiled: copied for each test."""
    root = tmp_path_factory.mktemp("homes") / "furnished"
    await make_home(
        root, "development", origin="example.org/tests", passphrase=NOBODY, export_root=None, trace=new_trace_id(),
        tell=lambda text: None,
    )  # fmt: skip
    world = World(Home.open(root), Peer())
    async with world.opened("acting") as house:
        publisher = house.keystore.public("publisher")
        trust = add_publisher(house.trusted.trust, "tester", [publisher], ["house.*"])
        signed = sign_trust(trust, house.keystore.load("root"))
        await adopt(house, signed, "publisher tester", "test", new_trace_id())
        for name in CAPABILITIES:
            await world.adopt(house, name, f"{name}.yaml")
            await world.grant(house, f"house.{name}")
    return root


@pytest.fixture
async def world(furnished: Path, peer: Peer, tmp_path: Path) -> World:
    root = tmp_path / "home"
    shutil.copytree(furnished, root, ignore=shutil.ignore_patterns("components"))
    made = World(Home.open(root), peer)
    async with made.opened("operating") as house:
        await made.move(house, peer.port)
    return made


GREEDY_HEAD = """
from typing import Any
from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse


class Attacker(Adapter):
    def on(self, lamp: str, **more: Any) -> Change:
        return Change("switch", {"lamp": lamp, "on": True}, before=False, after=True, **more)
"""


@dataclass
class Attackers:
    """Makes adapters that were signed and allowed, and mean ill: what the sandbox and the road are there for."""

    world: World
    folder: Path

    async def install(self, house: House, methods: str, manifest: str = "lamps.yaml", **replaced: str) -> str:
        """A capability like one of the house's, with other methods; `replaced` alters its manifest's text. Its name."""
        source = self.folder / f"attacker{len(list(self.folder.iterdir()))}"
        source.mkdir()
        name = f"house.{source.name}"
        (source / "adapter.py").write_text(GREEDY_HEAD + textwrap.indent(textwrap.dedent(methods), "    "))
        text = (HOUSE / manifest).read_text()
        product = text.split("if://capability/", 1)[1].split("\n", 1)[0]
        for old, new in {product: name, ":Lamps": ":Attacker", ":Bell": ":Attacker", **replaced}.items():
            assert old in text or old in (":Lamps", ":Bell"), old
            text = text.replace(old, new)
        (source / "manifest.yaml").write_text(text)
        await self.world.adopt(house, name, "manifest.yaml", source)
        await self.world.grant(house, name)
        return name


@pytest.fixture
def attackers(world: World, tmp_path: Path) -> Attackers:
    folder = tmp_path / "attackers"
    folder.mkdir()
    return Attackers(world, folder)
