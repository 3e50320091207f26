"""500 actions that wait for the world at once: memory of kernel and workers together, and lag of the event loop.

Runs that wait longer than `evict_after_s` give up their guest and are brought back from their recorded answers. The
baseline is the wait itself: what a program would take that only slept.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from sandbox_plan import ANSWER, INTENT, switcher

from infrafabric.kernel.chassis import Chassis, ChassisSettings

RUNS = 500
WAIT_S = 5.0


def memory_mb(chassis: Chassis) -> float:
    """Proportional set size of this process and all its workers; shared pages count once."""
    pids = [os.getpid(), *chassis.pids]
    kilobytes = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return round(kilobytes / 1024, 1)


async def lag(samples: list[float], over: asyncio.Event) -> None:
    """How late a sleep of 5 ms wakes, in milliseconds."""
    while not over.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        samples.append((time.perf_counter() - began - 0.005) * 1e3)


async def measure(folder: Path) -> dict[str, Any]:
    settings = ChassisSettings(cache=folder, mac_key=b"of this benchmark alone")
    async with await Chassis.start(settings) as chassis:
        program = switcher()
        await chassis.load(program)
        idle = memory_mb(chassis)
        waiting, peak = 0, 0

        async def slow(_request: dict[str, Any]) -> dict[str, Any]:
            nonlocal waiting, peak
            waiting += 1
            peak = max(peak, waiting)
            try:
                await asyncio.sleep(WAIT_S)
            finally:
                waiting -= 1
            return ANSWER

        samples: list[float] = []
        over = asyncio.Event()
        watch = asyncio.create_task(lag(samples, over))
        began = time.perf_counter()
        runs = [
            asyncio.create_task(chassis.run(program, "plan", {"intent": INTENT}, seed=n, perform=slow))
            for n in range(RUNS)
        ]
        while waiting < RUNS and time.perf_counter() - began < WAIT_S:  # noqa: ASYNC110  it is what is measured
            await asyncio.sleep(0.05)
        all_waiting_s, while_waiting = time.perf_counter() - began, memory_mb(chassis)
        ended = await asyncio.gather(*runs)
        total = time.perf_counter() - began
        over.set()
        await watch
        after = memory_mb(chassis)
    assert all(run.done["changes"][0]["args"] == {"Input": "7"} for run in ended)
    samples.sort()
    return {
        "runs": RUNS,
        "waiting_at_once": peak,
        "all_waiting_after_s": round(all_waiting_s, 2),
        "total_s": round(total, 2),
        "memory_mb": {"idle": idle, "all_waiting": while_waiting, "afterwards": after},
        "loop_lag_ms": {
            "p50": round(samples[len(samples) // 2], 2),
            "p99": round(samples[int(len(samples) * 0.99)], 2),
            "max": round(samples[-1], 2),
        },
        "ratio_of_time_to_the_wait_itself": round(total / WAIT_S, 2),
    }


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(measure(Path(folder)))
    return {"benchmark": "sandbox_waiting", "cpus": os.cpu_count(), **figures}


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
