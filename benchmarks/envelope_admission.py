"""How many envelopes a kernel admits a second over HTTP: each is verified, held against what was admitted before, made
durable, and answered with the receipt of its entry.

Sixty-four senders, a connection each, send messages that were signed beforehand, each when the one before is answered.
The raw baseline is the same server and the same verification of the same envelopes, which then forgets them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import orjson
import uvicorn
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from bench_house import NOBODY, bench_home
from envelopes import signed
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infrafabric.control.home import Home
from infrafabric.control.house import open_house
from infrafabric.kernel.canonical import loads
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.signing import PublicKey, SigningKey
from infrafabric.transports.envelopes.signing import message_bytes

SENDERS = 64
WARMING, MEASURED = 40, 160
"""Messages of each sender."""
ROUNDS = 3
"""Kernel and baseline take turns, because neighbours change; the round of the median ratio is given."""
LIMITS = """
[serve]
requests_rps = 1000000
requests_burst = 1000000
[messages]
sender_rps = 100000
sender_burst = 100000
"""


def sender(number: int) -> str:
    return f"if://agent/sender-{number}"


async def make_home(root: Path) -> list[SigningKey]:
    """A home with the senders enrolled; their keys."""
    home = await bench_home(root, [])
    home.settings_file.write_text(home.settings_file.read_text() + LIMITS)
    keys = [SigningKey.generate() for _ in range(SENDERS)]
    async with open_house(home, "operating", passphrase=NOBODY) as house:
        operator = house.operator(new_trace_id())
        talents = [Talent(id=sender(number), key=str(key.public)) for number, key in enumerate(keys)]
        await house.record(*(operator.talent(talent, "benchmark") for talent in talents))
    return keys


class _Connection(asyncio.Protocol):
    """Just enough of an HTTP client: one request at a time, sent when the answer before has come whole."""

    def __init__(self, requests: Sequence[bytes], done: asyncio.Future[None]) -> None:
        self._requests, self._done = iter(requests), done
        self._buffer = b""
        self._began = 0.0
        self.waits: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own are of no class of asyncio's
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        if not mark or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self.waits.append(time.perf_counter() - self._began)
        if not head.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(RuntimeError(body.decode()))
            return
        self._buffer = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or RuntimeError("the server hung up"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)


async def load(port: int, frames: Sequence[Sequence[bytes]]) -> dict[str, Any]:
    """Send each list over a connection of its own. Requests a second, and how long an answer took."""
    loop = asyncio.get_running_loop()
    head = (
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    connections: list[_Connection] = []
    ends: list[asyncio.Future[None]] = []
    began = time.perf_counter()
    for one in frames:
        requests = [head % len(data) + data for data in one]
        ends.append(loop.create_future())
        made = _Connection(requests, ends[-1])
        connections.append(made)
        await loop.create_connection(lambda made=made: made, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    elapsed = time.perf_counter() - began
    waits = sorted(wait for connection in connections for wait in connection.waits)
    return {
        "per_s": round(len(waits) / elapsed),
        "p50_ms": round(waits[len(waits) // 2] * 1000, 2),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 2),
    }


@asynccontextmanager
async def serving(what: str, root: Path) -> AsyncIterator[tuple[int, int]]:
    """Port and process id of a server in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, what, str(root), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.terminate()
        await process.wait()


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def round_of(what: str, root: Path, keys: list[SigningKey], first: int) -> dict[str, Any]:
    count = WARMING + MEASURED
    frames = [
        [signed(key, first + step, sender=sender(number), ttl_s=3_600) for step in range(count)]
        for number, key in enumerate(keys)
    ]
    async with serving(what, root) as (port, pid):
        await load(port, [one[:WARMING] for one in frames])
        before = cpu_s(pid)
        found = await load(port, [one[WARMING:] for one in frames])
        found["cpu_us"] = round((cpu_s(pid) - before) / (SENDERS * MEASURED) * 1e6)
    return found


async def _compare(root: Path) -> dict[str, Any]:
    keys = await make_home(root)
    rounds = []
    for number in range(ROUNDS):
        first = 1 + number * (WARMING + MEASURED)
        kernel = await round_of("kernel", root, keys, first)
        raw = await round_of("raw", root, keys, first)
        rounds.append({**kernel, "raw": raw, "ratio": round(kernel["per_s"] / raw["per_s"], 3)})
    rounds.sort(key=lambda found: float(found["ratio"]))
    return {**rounds[ROUNDS // 2], "ratios": [found["ratio"] for found in rounds]}


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return uvloop.run(_compare(Path(folder) / "home"))


# --- the servers


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Left alone: what ends a server here is the end of its round."""
        yield


async def _listen(app: Any) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(256)
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(app, http="httptools", log_level="warning", access_log=False, lifespan="off")
        server = _Server(config)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: setattr(server, "should_exit", True))
        await server.serve([listening])


async def _serve_kernel(root: Path) -> None:
    from infrafabric.control.api.app import create_app
    from infrafabric.control.api.service import Service

    async with open_house(Home.open(root), "acting", passphrase=NOBODY) as house:
        await _listen(create_app(Service.of(house)))


async def _serve_raw(root: Path) -> None:
    async def take(request: Request) -> Response:
        members = loads(await request.body())
        signature = members["signature"]
        key = PublicKey.from_base64(signature["pubkey"])
        good = key.verify(message_bytes(members), base64.b64decode(signature["sig"]))
        answer = orjson.dumps({"id": members["id"], "good": good})
        return Response(answer, status_code=200 if good else 403, media_type="application/json")

    await _listen(Starlette(routes=[Route("/v1/messages", take, methods=["POST"])]))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        uvloop.run({"kernel": _serve_kernel, "raw": _serve_raw}[sys.argv[1]](Path(sys.argv[2])))
    else:
        print(json.dumps(main(), indent=2))
