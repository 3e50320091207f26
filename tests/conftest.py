"""Fixtures that every folder's tests share."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Answer, DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.keys.signing import SigningKey
from infrafabric.registry.bundle import Bundle, sign_bundle, write_bundle
from infrafabric.registry.registry import AdapterRegistry
from infrafabric.registry.store import BundleStore
from infrafabric.registry.trust import Seen, Trusted, TrustSet, load, sign_trust
from infrafabric.transports.http import HttpDriver


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class Press:
    """Makes adapters, signs them, and founds trust sets, in a folder of the test's own. Keys go by name."""

    now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    code = b"class Panel:\n    pass\n"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def key(self, name: str = "publisher") -> SigningKey:
        return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())

    def data(self, **changes: Any) -> dict[str, Any]:
        """A draft's members. `None` leaves one out."""
        members: dict[str, Any] = {
            "id": "if://capability/lamp.panel",
            "version": "1.0.0",
            "summary": "Set a lamp panel",
            "kind": "state",
            "runtime": "python/1",
            "entrypoint": "panel.py:Panel",
            "files": ["panel.py"],
            "intent": {"type": "object", "additionalProperties": False, "properties": {"level": {"type": "integer"}}},
            "requires": {"settings": ["LAMP_HOST"], "secrets": []},
            "driver": "http",
            "base": "http://{LAMP_HOST}",
            "effects": {"state": {"read": "GET /panel"}, "dim": {"write": "PUT /panel/{level}", "path": LEVEL}},
        }
        return {name: value for name, value in {**members, **changes}.items() if value is not None}

    def source(self, files: dict[str, bytes] | None = None, /, **changes: Any) -> Path:
        """A source folder with `draft.json` and the files (by default `panel.py`)."""
        self.made += 1
        folder = self.folder / f"source-{self.made}"
        for name, content in (files or {"panel.py": self.code}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "draft.json").write_text(json.dumps(self.data(**changes)), "utf-8")
        return folder

    def bundle(self, files: dict[str, bytes] | None = None, /, *, key: str = "publisher", **changes: Any) -> Bundle:
        return sign_bundle(self.source(files, **changes), "draft.json", self.key(key))

    def packed(self, files: dict[str, bytes] | None = None, /, *, key: str = "publisher", **changes: Any) -> Path:
        """A bundle folder."""
        bundle = self.bundle(files, key=key, **changes)
        folder = self.folder / f"bundle-{self.made}"
        write_bundle(bundle, folder)
        return folder

    def trust(self, *allowed: Bundle, **changes: Any) -> TrustSet:
        """A set in which `publisher` may sign `lamp.*` and these bundles are allowed. One root key: `root`."""
        members: dict[str, Any] = {
            "version": 1,
            "expires": "2027-11-21T00:00:00Z",
            "root_keys": [str(self.key("root").public)],
            "threshold": 1,
            "publishers": {"acme": {"keys": [str(self.key().public)], "patterns": ["lamp.*"]}},
            "allow": {f"{it.manifest.id}@{it.manifest.version}": it.digest for it in allowed},
            "operator_keys": [str(self.key("operator").public)],
        }
        return TrustSet.model_validate({**members, **changes})

    def trusted(self, trust: TrustSet, *roots: str) -> Trusted:
        return load(sign_trust(trust, *map(self.key, roots or ("root",))), Seen())

    def registry(self, *bundles: Bundle, trust: TrustSet | None = None) -> AdapterRegistry:
        """A registry with these bundles installed; by default they are allowed too."""
        store = BundleStore(self.folder / "bundles")
        for bundle in bundles:
            store.install(bundle)
        trusted = self.trusted(trust if trust is not None else self.trust(*bundles))
        return AdapterRegistry(store, trusted, now=lambda: self.now)


LEVEL = {"level": {"type": "integer", "minimum": 0, "maximum": 100}}


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path)


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
    """A real HTTP server on loopback that hears requests and answers what the test says. It knows no framework."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.answer: Callable[[Heard], bytes] = lambda heard: http_answer()
        self.after: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        """Awaited after each answer."""
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")[:-2]
                method, target, _ = first.split(" ")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.heard.append(Heard(method, target, headers, body))
                writer.write(self.answer(self.heard[-1]))
                await writer.drain()
                if self.after is not None:
                    await self.after(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the driver hung up, which is what most of these tests are about
        finally:
            writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@pytest.fixture
async def http_peer() -> AsyncIterator[HttpPeer]:
    peer = HttpPeer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()
    peer.hang_up()
    await server.wait_closed()
    await asyncio.sleep(0.01)  # connections that were just aborted end their tasks


class HttpRig:
    """An http driver with a redactor that knows the secrets given to `call`, and the words to call it with."""

    def __init__(self) -> None:
        self.redactor = SecretRedactor()
        self.secrets: dict[str, str] = {}
        self.port = 0
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
async def http_rig(http_peer: HttpPeer) -> AsyncIterator[HttpRig]:
    rig = HttpRig()
    rig.port = http_peer.port
    yield rig
    await rig.driver.close()
