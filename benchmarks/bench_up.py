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

__all__ = ["Bare", "Kernel", "bare", "cpu_s", "kernel", "rss_mb", "wrk"]

_UNLIMITED = "[serve]\nrequests_rps = 1000000\nrequests_burst = 1000000\nstreams_each = 5000\nconnections = 8000\n"


@dataclass(frozen=True, slots=True)
class Kernel:
    url: str
    key: str
    pid: int

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Bare:
    url: str
    pid: int


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
async def bare() -> AsyncIterator[Bare]:
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
        yield Bare(f"http://127.0.0.1:{port}/", process.pid)
    finally:
        process.terminate()
        await process.wait()


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError(f"process {pid} says nothing of its memory")


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, its actions included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50_us":%d,"p95_us":%d,"p99_us":%d,"bad":%d,"broken":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


async def wrk(
    url: str, folder: Path, *, connections: int, seconds: int, headers: dict[str, str], script: str = "", pid: int = 0
) -> dict[str, Any]:
    """Load `url` by wrk with one thread; requests a second and milliseconds. `script` is Lua before `done`. Of the
    process `pid` also the CPU time that a request costs it, which says more where others use the machine."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not installed: apt-get install wrk")
    lua = folder / "load.lua"
    lua.write_text(script + _DONE)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(lua)]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    before = cpu_s(pid) if pid else 0.0
    process = await asyncio.create_subprocess_exec(*command, url, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    match = re.search(rb"RESULT (\{.*\})", said)
    if match is None:
        raise RuntimeError(said.decode())
    found = json.loads(match[1])
    cpu = {"cpu_us": round((cpu_s(pid) - before) / max(1, found["requests"]) * 1e6)} if pid else {}
    return {
        "per_second": round(found["requests"] / found["us"] * 1e6, 1),
        **{f"{name}_ms": round(found[f"{name}_us"] / 1e3, 2) for name in ("p50", "p95", "p99")},
        **cpu,
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
