"""A kernel as `ifctl up` serves it, in a process of its own, and what loads it: wrk, and a bare Starlette route."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_house import NOBODY, bench_home

from infrafabric.control.house import open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.control.records.api_keys import new_key_text
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.names import new_trace_id

__all__ = ["Kernel", "bare", "kernel", "wrk"]

_UNLIMITED = "[serve]\nrequests_rps = 1000000\nrequests_burst = 1000000\nstreams_each = 5000\nconnections = 8000\n"


@dataclass(frozen=True, slots=True)
class Kernel:
    url: str
    key: str
    pid: int

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])


@contextlib.asynccontextmanager
async def kernel(root: Path, ports: list[int]) -> AsyncIterator[Kernel]:
    """A served home with a lamp target for each port, and an API key of its operator. No rate is limited."""
    home = await bench_home(root, ports)
    with home.settings_file.open("a") as file:
        file.write(_UNLIMITED)
    name, text = new_key_text()
    key = ApiKey(id=name, talent=OPERATOR, digest=sha256(text.encode()), scopes=tuple(AccessScope))
    async with open_house(home, "operating", passphrase=NOBODY) as house:
        await house.record(house.operator(new_trace_id()).api_key(key, "benchmark"))
    command = [sys.executable, "-m", "infrafabric.control.ifctl", "up", "--port", "0", "--json"]
    environment = {**os.environ, "INFRAFABRIC_HOME": str(root)}
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        yield Kernel(told["url"], text, process.pid)
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def bare() -> AsyncIterator[str]:
    """Address of one Starlette route that answers a small JSON, on the same server as the kernel's."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, str(port))
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        await process.wait()


_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50_us":%d,"p95_us":%d,"p99_us":%d,"bad":%d,"broken":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


async def wrk(
    url: str, folder: Path, *, connections: int, seconds: int, headers: dict[str, str], script: str = ""
) -> dict[str, Any]:
    """Load `url` by wrk with one thread; requests a second and milliseconds. `script` is Lua before `done`."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not installed: apt-get install wrk")
    lua = folder / "load.lua"
    lua.write_text(script + _DONE)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(lua)]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(*command, url, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    match = re.search(rb"RESULT (\{.*\})", said)
    if match is None:
        raise RuntimeError(said.decode())
    found = json.loads(match[1])
    return {
        "per_second": round(found["requests"] / found["us"] * 1e6, 1),
        **{f"{name}_ms": round(found[f"{name}_us"] / 1e3, 2) for name in ("p50", "p95", "p99")},
        "refused": found["bad"],
        "broken": found["broken"],
    }


def _serve_bare(port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def small(request: Request) -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    app = Starlette(routes=[Route("/", small, methods=["GET", "POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, loop="uvloop", http="httptools")


if __name__ == "__main__":
    _serve_bare(int(sys.argv[1]))
