"""Routes of a served kernel under wrk, with an API key, beside a bare Starlette route in the same run.

Prints JSON: requests a second and milliseconds (p50, p95, p99) of `GET /v1/capabilities`, `/healthz`, `/readyz` with
its parts, `/metrics` and a page of the timeline, and the ratio of the first to the bare route.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from bench_house import lamp_server
from bench_up import bare, kernel, wrk

SECONDS = 6
CONNECTIONS = 64


async def measure() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with bare() as small:
            raw = await wrk(small.url, folder, connections=CONNECTIONS, seconds=SECONDS, headers={}, pid=small.pid)
        async with lamp_server(1) as ports, kernel(folder / "home", ports) as served:
            shown = {"Authorization": f"Bearer {served.key}"}
            base = served.url.rstrip("/")
            for path in ("/v1/capabilities", "/healthz", "/readyz", "/metrics", "/v1/timeline?limit=20"):
                found[path] = await wrk(
                    base + path, folder, connections=CONNECTIONS, seconds=SECONDS, headers=shown, pid=served.pid
                )
        async with bare() as small:
            again = await wrk(small.url, folder, connections=CONNECTIONS, seconds=SECONDS, headers={}, pid=small.pid)
    before_and_after = [raw["per_second"], again["per_second"]]
    return {
        "benchmark": "api_routes",
        "routes": found,
        "bare_starlette_per_second": before_and_after,
        "bare_starlette_cpu_us": [raw["cpu_us"], again["cpu_us"]],
        "capabilities_of_bare": round(found["/v1/capabilities"]["per_second"] * 2 / sum(before_and_after), 3),
        "goal": {"/v1/capabilities": 4_000},
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure()), indent=2))
