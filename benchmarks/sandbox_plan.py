"""One plan in the sandbox: latency with instances pre-loaded, throughput, start; against plain CPython in the same run.

The plan is an ordinary one: it reads 4 kB of XML, parses it, answers one change. The baseline runs the same adapter
class natively, with neither sandbox nor process between.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvloop
from wasmtime.component import Component, Linker

from infrafabric.adapters.sdk.steps import Steps
from infrafabric.kernel.chassis import Chassis, ChassisSettings, Program
from infrafabric.kernel.chassis.engine import THREAD_STACK, Guest, Pooling, make_engine
from infrafabric.kernel.chassis.process import worker_environment

SOURCE = """
import xml.etree.ElementTree as ET

from infrafabric.adapters.sdk import Adapter, Change, Plan, Refuse


class Switcher(Adapter):
    async def plan(self, intent, host):
        root = ET.fromstring((await host.read("state")).text)
        inputs = {i.get("title"): i.get("number") for i in root.iter("input")}
        wanted, active = inputs.get(intent["scene"]), root.findtext("active")
        if wanted is None:
            raise Refuse(f"no input is called {intent['scene']!r}")
        if wanted == active:
            return Plan()
        return Plan([Change("cut", {"Input": wanted}, before={"program": active}, after={"program": wanted})])
"""
INPUTS = "".join(f'<input key="{n:036d}" number="{n}" type="Video" title="Scene {n}"/>' for n in range(1, 51))
ANSWER = {"ok": {"status": 200, "headers": {}, "body": f"<vmix><inputs>{INPUTS}</inputs><active>1</active></vmix>"}}
INTENT = {"scene": "Scene 7"}
SINGLE, MANY, IN_FLIGHT = 200, 3_000, 16
PARTS, PARTS_WARM_UP = 200, 20


def switcher() -> Program:
    data = SOURCE.encode()
    return Program(f"sha256:{hashlib.sha256(data).hexdigest()}", "bench", "python/1", "s.py:Switcher", {"s.py": data})


async def answer(_request: dict[str, Any]) -> dict[str, Any]:
    return ANSWER


def native() -> dict[str, Any]:
    """The same plan in plain CPython, milliseconds."""
    names: dict[str, Any] = {}
    exec(compile(SOURCE, "s.py", "exec"), names)  # noqa: S102  our own constant
    samples = []
    for _ in range(500):
        began = time.perf_counter()
        steps = Steps(names["Switcher"]())
        steps.start({"op": "plan", "intent": INTENT, "seed": 1})
        done = json.dumps(steps.resume(json.loads(json.dumps(ANSWER))))
        samples.append((time.perf_counter() - began) * 1e3)
        assert "change-1" in done
    return {"p50_ms": round(statistics.median(samples), 4)}


def parts(component_file: str, memory_bytes: int) -> dict[str, float]:
    """What one run costs a worker's guest thread: medians of CPU milliseconds and page faults. In this process, so that
    it has to be started as a worker is: see `parts_apart`."""
    far = 10_000  # epochs; nothing advances them here
    engine, note = make_engine(Pooling(9, memory_bytes))
    if note:
        raise RuntimeError(note)
    component, linker = Component.deserialize_file(engine, component_file), Linker(engine)
    samples: list[list[float]] = []
    figures: dict[str, float] = {}

    def call(guest: Guest, name: str, *arguments: str) -> str:
        ok, text = guest.call(name, *arguments, ticks=far, output_bytes=1 << 24)
        if not ok:
            raise RuntimeError(f"{name}: {text}")
        return text

    def work() -> None:
        compiler = Guest(linker, component, memory_bytes, far)
        sources = json.dumps({"files": {"s.py": SOURCE}, "entrypoint": "s.py:Switcher"})
        code = json.loads(call(compiler, "compile", sources))["done"]
        compiler.drop()
        start = json.dumps({"op": "plan", "intent": INTENT, "seed": 1})
        read = json.dumps(ANSWER)
        faults = 0
        for place in range(PARTS_WARM_UP + PARTS):
            if place == PARTS_WARM_UP:
                faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            times = [time.thread_time()]
            guest = Guest(linker, component, memory_bytes, far)
            times.append(time.thread_time())
            for name, arguments in (("load", (code, "s.py:Switcher")), ("start", (start,)), ("resume", (read,))):
                text = call(guest, name, *arguments)
                times.append(time.thread_time())
            assert "change-1" in text
            guest.drop()
            times.append(time.thread_time())
            if place >= PARTS_WARM_UP:
                samples.append([(after - before) * 1e3 for before, after in itertools.pairwise(times)])
        figures["page_faults"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / PARTS, 1)

    before = threading.stack_size(THREAD_STACK)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()
    threading.stack_size(before)
    names = ("instantiate", "load", "start", "resume", "drop")
    medians = [statistics.median(column) for column in zip(*samples, strict=True)]
    figures |= {f"{name}_ms": round(value, 3) for name, value in zip(names, medians, strict=True)}
    return {**figures, "sum_ms": round(sum(medians), 3)}


async def parts_apart(component_file: Path, memory_bytes: int) -> dict[str, float]:
    """`parts` in a process with a worker's environment, which decides how memory is copied."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "parts", str(component_file), str(memory_bytes)),
        stdout=asyncio.subprocess.PIPE,
        env=worker_environment(),
    )
    answer, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the parts could not be measured")
    return {name: float(value) for name, value in json.loads(answer).items()}


async def timed(run: Callable[[], Awaitable[Any]], times: int, pause: float) -> list[float]:
    """Milliseconds of each of `times`, one after the other, with a pause in which instances are loaded ahead."""
    samples = []
    for _ in range(times):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await run()
        samples.append((time.perf_counter() - began) * 1e3)
    return sorted(samples)


async def measure(folder: Path) -> dict[str, Any]:
    settings = ChassisSettings(cache=folder, mac_key=b"of this benchmark alone")
    began = time.perf_counter()
    await (await Chassis.start(settings)).close()
    cold = time.perf_counter() - began
    began = time.perf_counter()
    chassis = await Chassis.start(settings)
    warm = time.perf_counter() - began
    async with chassis:
        program = switcher()
        began = time.perf_counter()
        await chassis.load(program)
        load = time.perf_counter() - began

        async def run() -> Any:
            return await chassis.run(program, "plan", {"intent": INTENT}, seed=1, perform=answer)

        alone = await timed(run, SINGLE, pause=0.02)
        guest = statistics.median([(await run()).cpu_ms for _ in range(50)])
        began = time.perf_counter()

        async def work() -> None:
            for _ in range(MANY // IN_FLIGHT):
                await run()

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        rate = MANY // IN_FLIGHT * IN_FLIGHT / (time.perf_counter() - began)
    plain = native()
    compiled = next(folder.glob("*.cwasm"))  # the one that the chassis has just compiled
    pieces = await parts_apart(compiled, settings.limits.memory_bytes)
    p50 = statistics.median(alone)
    return {
        "plan": {
            "p50_ms": round(p50, 3),
            "p99_ms": round(alone[int(len(alone) * 0.99) - 1], 3),
            "guest_cpu_ms": round(guest, 3),
            "ratio_to_native": round(p50 / plain["p50_ms"], 1),
        },
        "throughput": {"in_flight": IN_FLIGHT, "workers": settings.workers_each, "per_s": round(rate)},
        "worker_cpu": pieces,
        "start_s": {"cold": round(cold, 2), "warm": round(warm, 3), "load_adapter": round(load, 3)},
        "baseline_native_cpython": plain,
    }


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(measure(Path(folder)))
    return {"benchmark": "sandbox_plan", "cpus": os.cpu_count(), **figures}


if __name__ == "__main__":
    if sys.argv[1:2] == ["parts"]:
        print(json.dumps(parts(sys.argv[2], int(sys.argv[3]))))
    else:
        print(json.dumps(main(), indent=2))
