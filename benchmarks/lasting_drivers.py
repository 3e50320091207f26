"""What an effect over a lasting connection costs: the websocket and tcp drivers beside the raw library, on loopback.

Prints JSON: p50 and p99 in microseconds of a raw exchange (websockets' client; asyncio streams), the same through the
driver, and a view read of 100 things of which 10 are wanted; each one's ratio to the raw exchange of the same run; and
how long after a restarted peer listens again the connection is up, in milliseconds. Run with
`python benchmarks/lasting_drivers.py`.
"""

from __future__ import annotations

import asyncio
import json
import platform
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.tcp.driver import TcpDriver
from infrafabric.transports.websocket.driver import WebSocketDriver

CALLS = 3_000
RESTARTS = 8
THINGS = [{"name": f"lamp {number}", "lit": True, "note": "x" * 200} for number in range(100)]
SECRET = "correct-horse-battery"


async def answer(connection: ServerConnection) -> None:
    try:
        async for text in connection:
            message = orjson.loads(text)
            result = THINGS if message["type"] == "get_lamps" else None
            kind = "pong" if message["type"] == "ping" else "result"
            reply = {"id": message["id"], "type": kind, "success": True, "result": result}
            await connection.send(orjson.dumps(reply).decode())
    except ConnectionClosed:
        pass


async def lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            await reader.readuntil(b"\n")
            writer.write(b"ROUTE OK\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def timed(call: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """p50 and p99 in microseconds."""
    for _ in range(CALLS // 10):
        await call()
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1e6)
    took.sort()
    return took[CALLS // 2], took[CALLS * 99 // 100]


def manifest(driver: str, base: str, connection: dict[str, Any], effects: dict[str, Any]) -> Manifest:
    return Manifest.model_validate({
        "id": "if://capability/bench.lamp",
        "version": "1.0.0",
        "summary": "Nothing",
        "kind": "state",
        "runtime": "python/1",
        "entrypoint": "adapter.py:Lamp",
        "intent": {"type": "object", "additionalProperties": False},
        "requires": {"settings": ["HOST", "PORT"], "secrets": []},
        "driver": driver,
        "base": base,
        "connection": connection,
        "effects": effects,
    })  # fmt: skip


def target(port: int) -> Target:
    settings = {"HOST": "127.0.0.1", "PORT": str(port)}
    return Target.model_validate({"name": "bench@here", "settings": settings, "allow_addresses": ["loopback"]})


HOUSE = manifest(
    "websocket",
    "ws://{HOST}:{PORT}",
    {"id": "id", "reply": {"type": "result"}, "ok": "/success"},
    {
        "switch": {
            "write": "request",
            "json": {"type": "switch", "name": {"type": "string"}, "lit": {"type": "boolean"}},
            "repeatable": True,
        },
        "lamps": {
            "read": "view",
            "json": {"type": "get_lamps"},
            "view": {
                "subscribe": {"type": "subscribe"},
                "event": {"type": "event"},
                "items": "/result",
                "key": "/name",
                "event_key": "/event/name",
                "event_value": "/event/lamp",
                "select": {"names": {"type": "array", "items": {"type": "string"}}},
                "barrier": {"type": "ping"},
                "barrier_reply": {"type": "pong"},
            },
        },
    },
)
MATRIX = manifest(
    "tcp",
    "tcp://{HOST}:{PORT}",
    {},
    {
        "route": {
            "write": "ROUTE {output} {input}",
            "path": {"output": {"type": "integer"}, "input": {"type": "integer"}},
            "reply": {"ok": "^ROUTE OK", "failed": "^ROUTE ER ?(.*)$"},
            "repeatable": True,
        }
    },
)


async def websocket(redactor: SecretRedactor, figures: dict[str, tuple[float, float]]) -> None:
    server = await serve(answer, "127.0.0.1", 0, compression=None)
    port = server.sockets[0].getsockname()[1]
    async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as raw:

        async def exchange() -> None:
            await raw.send('{"id":1,"type":"switch","name":"lamp 1","lit":true}')
            json.loads(await raw.recv())

        figures["websocket raw"] = await timed(exchange)
    driver = WebSocketDriver(DriverContext(redactor, {}))
    switch = DriverCall(HOUSE, "switch", {"name": "lamp 1", "lit": True}, target(port))
    lamps = DriverCall(HOUSE, "lamps", {"names": [f"lamp {number}" for number in range(10)]}, target(port))
    figures["websocket driver"] = await timed(lambda: driver.perform(switch, {}))
    figures["websocket view"] = await timed(lambda: driver.perform(lamps, {}))
    await driver.close()
    server.close()
    await server.wait_closed()


async def tcp(redactor: SecretRedactor, figures: dict[str, tuple[float, float]]) -> None:
    server = await asyncio.start_server(lines, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def exchange() -> None:
        writer.write(b"ROUTE 1 2\r\n")
        await reader.readuntil(b"\n")

    figures["tcp raw"] = await timed(exchange)
    writer.close()
    driver = TcpDriver(DriverContext(redactor, {}))
    call = DriverCall(MATRIX, "route", {"output": 1, "input": 2}, target(port))
    figures["tcp driver"] = await timed(lambda: driver.perform(call, {}))
    await driver.close()
    server.close()


async def reconnects(redactor: SecretRedactor) -> list[float]:
    """Milliseconds from a restarted peer's listening to the connection's being up, sorted."""
    driver = WebSocketDriver(DriverContext(redactor, {}))
    server: Server | None = None
    port = 0
    took = []
    for _ in range(RESTARTS + 1):
        server = await serve(answer, "127.0.0.1", port, compression=None)
        began = time.perf_counter()
        if port:
            while driver.health()["bench@here"].state != "up":  # noqa: ASYNC110  (it has no event)
                await asyncio.sleep(0.001)
            took.append((time.perf_counter() - began) * 1000)
        port = server.sockets[0].getsockname()[1]
        await driver.perform(DriverCall(HOUSE, "switch", {"name": "a", "lit": True}, target(port)), {})
        await asyncio.sleep(2.1)  # a connection that lived for less is followed by a pause
        for connection in list(server.connections):
            connection.transport.abort()
        server.close(close_connections=False)
        await server.wait_closed()
        await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311
    await driver.close()
    return sorted(took)


async def main() -> None:
    redactor = SecretRedactor()
    redactor.learn(SECRET)
    figures: dict[str, tuple[float, float]] = {}
    await websocket(redactor, figures)
    await tcp(redactor, figures)
    back = await reconnects(redactor)
    print(json.dumps({
        "benchmark": "lasting_drivers",
        "python": platform.python_version(),
        "calls": CALLS,
        "us": {name: {"p50": round(p50, 1), "p99": round(p99, 1)} for name, (p50, p99) in figures.items()},
        "ratio_to_raw": {
            name: round(p50 / figures[f"{name.split()[0]} raw"][0], 2) for name, (p50, _) in figures.items()
        },
        "reconnect_ms": {"median": round(back[len(back) // 2]), "most": round(back[-1]), "restarts": len(back)},
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    uvloop.run(main())
