"""A governed action from intent to receipt, beside the same three requests made directly.

Plan (a guest run with one read), decide, durable entries, one write to a loopback no-op, verify by planning again
(a second guest run), receipt. Prints JSON: milliseconds alone (p50, p99, and the loop's own CPU), the same with
somebody at the stations, which keeps entries apart and tells where the time goes; actions a second with 32 in flight on
32 targets; and the ratio to the ungoverned requests of the same run.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import uvloop
from bench_house import ask, bench_home, lamp_server, opened

from infrafabric.control.house import House
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

ALONE = 400
WATCHED = 200
TOGETHER = 2_000
IN_FLIGHT = 32


async def alone(house: House) -> dict[str, Any]:
    """One action after the other on one target."""
    took: list[float] = []
    cpu = 0.0
    for turn in range(-40, ALONE):
        began, worked = time.perf_counter(), time.thread_time()
        report = await house.kernel.act(ask(0, turn % 2 == 0))
        assert report.outcome is Outcome.CONVERGED, report
        if turn >= 0:
            took.append((time.perf_counter() - began) * 1e3)
            cpu += time.thread_time() - worked
    took.sort()
    return {
        "p50_ms": round(took[len(took) // 2], 3),
        "p99_ms": round(took[len(took) * 99 // 100], 3),
        "loop_cpu_ms": round(cpu / ALONE * 1e3, 2),
        "watched": await watched(house),
    }


async def watched(house: House) -> dict[str, Any]:
    """The same with somebody at the stations."""
    took: list[float] = []
    decided: list[float] = []
    parts: dict[str, list[float]] = {}
    for turn in range(WATCHED):
        marks = [("start", time.perf_counter())]

        def passed(action: str, station: Station, marks: list[tuple[str, float]] = marks) -> None:
            marks.append((station.value, time.perf_counter()))

        report = await house.kernel.act(ask(0, turn % 2 == 0), passed)
        assert report.outcome is Outcome.CONVERGED, report
        marks.append(("receipt", time.perf_counter()))
        took.append((marks[-1][1] - marks[0][1]) * 1e3)
        decided.append((next(at for name, at in marks if name == Station.DECIDED.value) - marks[0][1]) * 1e3)
        for (_, before), (name, at) in zip(marks, marks[1:], strict=False):
            parts.setdefault(name, []).append((at - before) * 1e3)
    took.sort()
    decided.sort()
    return {
        "p50_ms": round(took[len(took) // 2], 3),
        "decided_ms": {"p50": round(decided[len(decided) // 2], 3), "p95": round(decided[len(decided) * 95 // 100], 3)},
        "until_ms": {name: round(statistics.median(values), 3) for name, values in parts.items()},
    }


async def together(house: House) -> dict[str, Any]:
    """`IN_FLIGHT` actions at once, each on a target of its own."""
    took: list[float] = []
    left = iter(range(TOGETHER))

    async def one(number: int) -> None:
        on = True
        for _ in left:
            began = time.perf_counter()
            report = await house.kernel.act(ask(number, on))
            assert report.outcome is Outcome.CONVERGED, report
            took.append((time.perf_counter() - began) * 1e3)
            on = not on

    for number in range(IN_FLIGHT):
        await house.kernel.act(ask(number, False))
    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(IN_FLIGHT)))
    elapsed = time.perf_counter() - began
    took.sort()
    return {
        "per_second": round(len(took) / elapsed, 1),
        "p50_ms": round(took[len(took) // 2], 2),
        "p99_ms": round(took[len(took) * 99 // 100], 2),
    }


async def ungoverned(port: int) -> float:
    """The same read, write and read by a plain client; median milliseconds."""
    took = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for turn in range(-40, ALONE):
            began = time.perf_counter()
            await client.get("/state")
            await client.post("/lamps/hall", json={"on": turn % 2 == 0})
            await client.get("/state")
            if turn >= 0:
                took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


async def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with lamp_server(IN_FLIGHT) as ports:
            home = await bench_home(Path(folder) / "home", ports)
            async with opened(home) as house:
                gc.freeze()
                sys.setswitchinterval(0.0002)
                raw = await ungoverned(ports[0])
                single = await alone(house)
                many = await together(house)
    return {
        "benchmark": "governed_action",
        "alone": single,
        "in_flight_32": many,
        "ungoverned_p50_ms": round(raw, 3),
        "ratio_to_ungoverned": round(single["p50_ms"] / raw, 2),
        "goal": {"alone_p50_ms": 6, "per_second": 250, "decided_p95_ms": 50},
    }


def main() -> dict[str, Any]:
    return uvloop.run(measure())


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
