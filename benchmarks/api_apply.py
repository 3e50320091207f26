"""Governed actions over HTTP, intent to receipt, beside the ungoverned equivalent in Node-RED and a bare route.

wrk posts to `/v1/actions` with an API key: lamps of a loopback no-op, 32 connections over 32 targets. The neighbour is
a Node-RED flow that takes a request, reads the lamps, switches one, reads again and responds (32 connections as well);
it is left out, and named, where Node-RED is not installed (tests/peers/install-node-red.sh). Prints JSON: requests a
second, milliseconds (p50, p95, p99), writes that reached the lamps by action, and the ratios.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from bench_house import lamp_server, target_name
from bench_up import Kernel, bare, kernel, wrk

SECONDS = 10
TARGETS = 32
NODE_RED = Path(__file__).parents[1] / ".peers" / "node-red"

_POST = """
local count = 0
request = function()
  local target = count %% %d
  local on = math.floor(count / %d) %% 2 == 0
  count = count + 1
  local body = string.format('{"capability":"house.lamps","target":"house@n%%d","purpose":"apply","why":"benchmark",' ..
    '"intent":{"lamps":{"hall":%%s}}}', target, tostring(on))
  return wrk.format("POST", nil, nil, body)
end
"""


async def governed(served: Kernel, folder: Path, connections: int, seconds: int) -> dict[str, Any]:
    """`connections` at once, each request on the next target."""
    shown = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
    before = await counted(served)
    found = await wrk(
        served.url.rstrip("/") + "/v1/actions", folder, connections=connections, seconds=seconds, headers=shown,
        script=_POST % (TARGETS, TARGETS), pid=served.pid,
    )  # fmt: skip
    after = await counted(served)
    actions, writes = after[0] - before[0], after[1] - before[1]
    return {**found, "writes_an_action": round(writes / max(1, actions), 3)}


async def counted(served: Kernel) -> tuple[float, float]:
    """Actions that converged and writes that were answered, as the metrics page has them."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {served.key}"}, trust_env=False) as client:
        text = (await client.get(served.url.rstrip("/") + "/metrics")).text
    sums = {"infrafabric_actions_ended_total": 0.0, "infrafabric_driver_writes_total": 0.0}
    for line in text.splitlines():
        name, _, rest = line.partition("{")
        if name in sums and ('"converged"' in rest or '"answered"' in rest):
            sums[name] += float(rest.rpartition(" ")[2])
    return sums["infrafabric_actions_ended_total"], sums["infrafabric_driver_writes_total"]


@contextlib.asynccontextmanager
async def node_red(lamps: int, folder: Path) -> AsyncIterator[str | None]:
    """Address of the flow; None where Node-RED is not installed."""
    program = NODE_RED / "node_modules" / "node-red" / "red.js"
    if shutil.which("node") is None or not program.exists():
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    house = f"http://127.0.0.1:{lamps}"
    asks = {"type": "http request", "z": "tab", "ret": "obj", "paytoqs": "ignore", "persist": True}
    flow = [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "in", "type": "http in", "z": "tab", "url": "/act", "method": "post", "wires": [["read"]]},
        {**asks, "id": "read", "method": "GET", "url": f"{house}/state", "wires": [["want"]]},
        {"id": "want", "type": "change", "z": "tab", "rules": [
            {"t": "set", "p": "payload", "pt": "msg", "to": '{"on":true}', "tot": "json"},
            {"t": "set", "p": "headers", "pt": "msg", "to": '{"content-type":"application/json"}', "tot": "json"},
        ], "wires": [["write"]]},
        {**asks, "id": "write", "method": "POST", "url": f"{house}/lamps/hall", "wires": [["look"]]},
        {**asks, "id": "look", "method": "GET", "url": f"{house}/state", "wires": [["out"]]},
        {"id": "out", "type": "http response", "z": "tab", "wires": []},
    ]  # fmt: skip
    folder.mkdir()
    (folder / "flows.json").write_text(json.dumps(flow))
    settings = {"uiHost": "127.0.0.1", "uiPort": port, "httpAdminRoot": False, "credentialSecret": False}
    (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["node", str(program), "-u", str(folder), "-s", str(folder / "settings.js"), "flows.json"],
            stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/act"
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(600):
                with contextlib.suppress(httpx.HTTPError):
                    if "lamps" in (await client.post(url, json={})).text:
                        break
                await asyncio.sleep(0.1)
            else:
                raise RuntimeError("Node-RED did not answer")
        yield url
    finally:
        process.terminate()
        process.wait(10)


async def measure() -> dict[str, Any]:
    post = 'wrk.method = "POST"\nwrk.body = "{}"\n'
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with lamp_server(TARGETS) as ports:
            async with bare() as small:
                raw = await wrk(small.url, folder, connections=32, seconds=5, headers={}, script=post)
            async with kernel(folder / "home", ports) as served:
                await governed(served, folder, 32, 3)
                one = await governed(served, folder, 1, SECONDS)
                eight = await governed(served, folder, 8, SECONDS)
                many = await governed(served, folder, 32, SECONDS)
            neighbour: Any = {"skipped": "Node-RED is not installed: tests/peers/install-node-red.sh"}
            async with node_red(ports[0], folder / "red") as flow:
                if flow is not None:
                    kind = {"Content-Type": "application/json"}
                    neighbour = {}
                    for connections in (1, 32):
                        neighbour[f"connections_{connections}"] = await wrk(
                            flow, folder, connections=connections, seconds=SECONDS, headers=kind, script=post
                        )
    ratio = None
    if "connections_32" in neighbour:
        ratio = round(many["per_second"] / neighbour["connections_32"]["per_second"], 3)
    return {
        "benchmark": "api_apply",
        "governed": {"connections_1": one, "connections_8": eight, "connections_32": many},
        "node_red_ungoverned": neighbour,
        "governed_of_node_red": ratio,
        "bare_starlette_per_second": raw["per_second"],
        "governed_of_bare": round(many["per_second"] / raw["per_second"], 4),
        "first_target": target_name(0),
        "goal": {"per_second": 250, "p95_ms": 100},
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure()), indent=2))
