"""A server on loopback that speaks obs-websocket 5, written from protocol.md: scenes, batches, events, misbehaviour.

It shares no code with the driver. What real OBS does is tested in tests/peers; this one does what OBS never would.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Answer, DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import AddressClass, Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.obs.driver import ObsDriver

PASSWORD = "studio-secret-42"
EXAMPLE = Path(__file__).parents[2] / "registry" / "examples" / "obs.yaml"
SALT, CHALLENGE = "c2FsdA==", "Y2hhbGxlbmdl"

Misbehaviour = Callable[["ObsDouble", Any, Mapping[str, Any]], Awaitable[bool]]
"""Given the connection and a request's data; True: it was dealt with."""


class ObsDouble:
    """An obs-websocket server. `heard` are the requests, in order, as (type, data)."""

    def __init__(self) -> None:
        self.scenes = ["Outro", "Main", "Intro"]
        self.program = "Intro"
        self.password: str | None = PASSWORD
        self.heard: list[tuple[str, Any]] = []
        self.subscriptions: list[int] = []
        self.connections = 0
        self.port = 0
        self.misbehave: Misbehaviour | None = None
        self.opening: Callable[[Any], Awaitable[None]] | None = None
        """Instead of the greeting."""
        self._server: Any = None
        self._open: set[Any] = set()

    async def start(self) -> None:
        from websockets.asyncio.server import serve

        self._server = await serve(
            self._serve, "127.0.0.1", self.port, subprotocols=["obswebsocket.msgpack"], compression=None  # type: ignore[list-item]
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self, code: int = 1001) -> None:
        self._server.close(close_connections=False)
        for connection in tuple(self._open):
            await connection.close(code, "Server stopping.")
        await self._server.wait_closed()

    async def send(self, connection: Any, op: int, data: Any) -> None:
        import msgpack

        await connection.send(msgpack.packb({"op": op, "d": data}))

    async def tell(self, event: str, **data: Any) -> None:
        """An event to all."""
        for connection in tuple(self._open):
            await self.send(connection, 5, {"eventType": event, "eventIntent": 4, "eventData": data})

    async def answer(self, connection: Any, request: Mapping[str, Any], code: int = 100, data: Any = None) -> None:
        await self.send(connection, 7, {**_head(request), **_status(code, data)})

    def perform(self, kind: str, data: Any) -> tuple[int, Any]:
        self.heard.append((kind, data))
        if kind == "GetSceneList":
            listed = [{"sceneName": name, "sceneIndex": index} for index, name in enumerate(self.scenes)]
            return 100, {"currentProgramSceneName": self.program, "currentPreviewSceneName": None, "scenes": listed}
        if kind == "SetCurrentProgramScene":
            if data["sceneName"] not in self.scenes:
                return 600, None
            self.program = data["sceneName"]
            return 100, None
        return 204, None

    async def _serve(self, connection: Any) -> None:
        import msgpack
        from websockets.exceptions import ConnectionClosed

        self.connections += 1
        with contextlib.suppress(ConnectionClosed):
            if self.opening is not None:
                await self.opening(connection)
                return
            hello: dict[str, Any] = {"obsWebSocketVersion": "5.1.0", "rpcVersion": 1}
            if self.password is not None:
                hello["authentication"] = {"challenge": CHALLENGE, "salt": SALT}
            await self.send(connection, 0, hello)
            identify = msgpack.unpackb(await connection.recv())["d"]
            if self.password is not None and identify.get("authentication") != _proof(self.password):
                await connection.close(4009, "Authentication failed.")
                return
            self.subscriptions.append(identify["eventSubscriptions"])
            await self.send(connection, 2, {"negotiatedRpcVersion": 1})
            self._open.add(connection)
            try:
                async for message in connection:
                    await self._hear(connection, msgpack.unpackb(message))
            finally:
                self._open.discard(connection)

    async def _hear(self, connection: Any, message: Mapping[str, Any]) -> None:
        request = message["d"]
        if self.misbehave is not None and await self.misbehave(self, connection, request):
            return
        if message["op"] == 6:
            await self.answer(connection, request, *self.perform(request["requestType"], request.get("requestData")))
            return
        results = []
        for part in request["requests"]:
            code, data = self.perform(part["requestType"], part.get("requestData"))
            results.append({"requestType": part["requestType"], **_status(code, data)})
        await self.send(connection, 9, {"requestId": request["requestId"], "results": results})


def _head(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestType": request["requestType"], "requestId": request["requestId"]}


def _status(code: int, data: Any) -> dict[str, Any]:
    status: dict[str, Any] = {"result": code == 100, "code": code}
    if code == 600:
        status["comment"] = "No source was found by that name."
    return {"requestStatus": status, "responseData": data}


def _proof(password: str) -> str:
    secret = base64.b64encode(hashlib.sha256((password + SALT).encode()).digest())
    return base64.b64encode(hashlib.sha256(secret + CHALLENGE.encode()).digest()).decode()


class ObsRig:
    """The driver, and what it is given: the example manifest and a target that is the double."""

    def __init__(self, double: ObsDouble) -> None:
        self.double = double
        self.redactor = SecretRedactor()
        self.redactor.learn(PASSWORD)
        self.driver = ObsDriver(DriverContext(self.redactor, {}))
        self.manifest = self.made()
        self.secrets = {"OBS_PASSWORD": PASSWORD}

    def made(self, **changed: Any) -> Manifest:
        text = yaml.safe_load(EXAMPLE.read_text("utf-8"))
        text["effects"]["shown"] = {
            "read": "GetSourceActive per sourceName",
            "json": {"sourceName": {"type": "array", "items": {"type": "string"}, "maxItems": 50}},
        }
        text["effects"]["press"] = {"write": "PressOnce", "settle_s": 1}
        for key, value in changed.items():
            text[key] = {**text[key], **value} if isinstance(value, dict) and isinstance(text.get(key), dict) else value
        return Manifest.model_validate(text)

    @property
    def target(self) -> Target:
        settings = {"OBS_HOST": "127.0.0.1", "OBS_PORT": str(self.double.port)}
        return Target(name="show@stage", settings=settings, allow_addresses=(AddressClass.LOOPBACK,))

    async def perform(self, effect: str, timeout_s: float = 5.0, /, **args: Any) -> Answer:
        call = DriverCall(self.manifest, effect, args, self.target, None, timeout_s)
        return await self.driver.perform(call, self.secrets)

    async def until(self, seen: Callable[[], bool], within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not seen():
                await asyncio.sleep(0.01)

    @property
    def state(self) -> str:
        return self.driver.health()["show@stage"].state


@pytest.fixture
async def obs_double() -> AsyncIterator[ObsDouble]:
    pytest.importorskip("simpleobsws", reason="the extra `obs` is not installed")
    double = ObsDouble()
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
async def obs_rig(obs_double: ObsDouble) -> AsyncIterator[ObsRig]:
    rig = ObsRig(obs_double)
    yield rig
    await rig.driver.close()
