"""What an effect over http costs: the driver's keep-alive call to a no-op server on loopback, beside what it could be.

Prints JSON: p50 and p99 in microseconds of a raw asyncio exchange, the driver, httpcore and httpx, and each one's ratio
to the raw exchange of the same run. Run with `python benchmarks/http_driver.py`.
"""

from __future__ import annotations

import asyncio
import json
import platform
import time
from collections.abc import Awaitable, Callable

import httpcore
import httpx
import uvloop

from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.http.driver import HttpDriver

CALLS = 3_000
BODY = b'{"state": "on"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
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


def driver_call(port: int) -> DriverCall:
    manifest = Manifest.model_validate({
        "id": "if://capability/bench.lamp",
        "version": "1.0.0",
        "summary": "Nothing",
        "kind": "state",
        "runtime": "python/1",
        "entrypoint": "adapter.py:Lamp",
        "intent": {"type": "object", "additionalProperties": False},
        "requires": {"settings": ["HOST", "PORT"], "secrets": ["TOKEN"]},
        "driver": "http",
        "base": "http://{HOST}:{PORT}",
        "effects": {
            "set": {
                "write": "GET /api/",
                "query": {"Function": "Cut", "Input": {"type": "string"}},
                "headers": {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}},
                "repeatable": True,
            }
        },
    })  # fmt: skip
    target = Target(
        name="bench@here",
        settings={"HOST": "127.0.0.1", "PORT": str(port)},
        allow_addresses=("loopback",),  # type: ignore[arg-type]
    )
    return DriverCall(manifest, "set", {"Input": "3"}, target)


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/api/?Function=Cut&Input=3"
    figures: dict[str, tuple[float, float]] = {}

    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def raw() -> None:
        writer.write(b"GET /api/?Function=Cut&Input=3 HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))

    figures["raw"] = await timed(raw)
    writer.close()

    redactor = SecretRedactor()
    redactor.learn("correct-horse-battery")
    driver = HttpDriver(DriverContext(redactor, {}))
    call = driver_call(port)
    secrets = {"TOKEN": "correct-horse-battery"}
    figures["driver"] = await timed(lambda: driver.perform(call, secrets))
    figures["address"] = await timed(lambda: driver.address(call.manifest, call.target))
    await driver.close()

    async with httpcore.AsyncConnectionPool() as pool:
        figures["httpcore"] = await timed(lambda: pool.request("GET", url))
    async with httpx.AsyncClient(trust_env=False) as client:
        figures["httpx"] = await timed(lambda: client.get(url))
    server.close()

    print(json.dumps({
        "benchmark": "http_driver",
        "python": platform.python_version(),
        "calls": CALLS,
        "us": {name: {"p50": round(p50, 1), "p99": round(p99, 1)} for name, (p50, p99) in figures.items()},
        "ratio_to_raw": {name: round(p50 / figures["raw"][0], 2) for name, (p50, _) in figures.items()},
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    uvloop.run(main())
