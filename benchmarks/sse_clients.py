"""How soon a thousand callers that follow the log are told: `ifctl up` in one process, its clients in another.

Actions are asked for over HTTP meanwhile. An entry's delay is from the time in its leaf (before it was made durable)
to its arrival at a client, by the same clock; a thousand of them an entry. Prints JSON: milliseconds (p50, p99, most)
over all clients, where each client wants the ends of actions alone, and where each wants every entry; the kernel's
memory with and without the clients, and its CPU time for each delivery, the actions themselves included.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvloop
from bench_house import lamp_server
from bench_up import Kernel, cpu_s, kernel, rss_mb

CLIENTS = 1_000
_AT = b'"at":"'


class _Client(asyncio.Protocol):
    """One event stream: notes when each entry arrives."""

    def __init__(self, head: bytes, told: Callable[[str, float], None]) -> None:
        self._head, self._told, self._rest = head, told, b""
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._head)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.time()
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data: "):
                place = line.index(_AT) + len(_AT)
                self._told(line[place : place + 24].decode(), now)
            elif line.startswith(b"retry: ") and not self.opened.done():
                self.opened.set_result(None)


async def follow(served: Kernel, query: str, actions: int, pause_s: float) -> dict[str, Any]:
    """Open the streams, ask for actions, and wait until every entry has come to every client."""
    delays: list[float] = []
    times: dict[str, float] = {}
    arrived: dict[str, int] = {}

    def told(at: str, now: float) -> None:
        sent = times.get(at)
        if sent is None:
            sent = times[at] = datetime.fromisoformat(at).timestamp()
        arrived[at] = arrived.get(at, 0) + 1
        delays.append((now - sent) * 1e3)

    loop = asyncio.get_running_loop()
    head = f"GET /v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {served.key}\r\n\r\n".encode()
    clients: list[_Client] = []
    for _ in range(CLIENTS // 50):
        made = await asyncio.gather(
            *(loop.create_connection(lambda: _Client(head, told), "127.0.0.1", served.port) for _ in range(50))
        )
        clients += [client for _, client in made]
        await asyncio.gather(*(client.opened for _, client in made))
    await asyncio.sleep(1)
    memory, cpu = rss_mb(served.pid), cpu_s(served.pid)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {served.key}"}, trust_env=False) as client:
        for turn in range(actions):
            intent = {"lamps": {"hall": turn % 2 == 0}}
            body = {"capability": "house.lamps", "purpose": "apply", "why": "benchmark", "intent": intent}
            answer = await client.post(f"{served.url.rstrip('/')}/v1/actions", json=body)
            answer.raise_for_status()
            await asyncio.sleep(pause_s)
    quiet = -1
    while quiet != len(delays):
        quiet = len(delays)
        await asyncio.sleep(1)
    used = cpu_s(served.pid) - cpu
    for one in clients:
        one.transport.close()
    await asyncio.sleep(2)
    delays.sort()
    return {
        "entries": len(times),
        "deliveries": len(delays),
        "whole": all(count % CLIENTS == 0 for count in arrived.values()),
        "p50_ms": round(delays[len(delays) // 2], 1),
        "p99_ms": round(delays[len(delays) * 99 // 100], 1),
        "most_ms": round(delays[-1], 1),
        "kernel_cpu_us_a_delivery": round(used / len(delays) * 1e6, 1),
        "kernel_mb": memory,
    }


async def measure() -> dict[str, Any]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard) if hard > 0 else 4_096, hard))
    with tempfile.TemporaryDirectory() as folder:
        async with lamp_server(1) as ports, kernel(Path(folder) / "home", ports) as served:
            alone = rss_mb(served.pid)
            ends = await follow(served, "?kind=action.closed", 40, 0.1)
            every = await follow(served, "", 15, 1.0)
    return {
        "benchmark": "sse_clients",
        "clients": CLIENTS,
        "ends_of_actions": ends,
        "every_entry": every,
        "kernel_mb_without": alone,
        "goal": {"p99_ms": 250},
    }


if __name__ == "__main__":
    if not sys.platform.startswith("linux"):
        print(json.dumps({"benchmark": "sse_clients", "skipped": "it reads /proc"}))
        sys.exit(0)
    print(json.dumps(uvloop.run(measure()), indent=2))
