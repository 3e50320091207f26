"""One plan by adapters in Python, JavaScript and WebAssembly text: load, latency, throughput, what the guest costs.

The plan is the same: read vMix's state (4 kB), look whether the external output runs, answer one change. JavaScript is
measured where tests/peers/install-componentize.sh was run. All ratios are to `python/1` in the same run.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import uvloop
from sandbox_plan import INPUTS, timed
from wasmtime import wat2wasm
from wasmtime.component import Component, Linker

from infrafabric.kernel.chassis import Chassis, ChassisSettings, Program
from infrafabric.kernel.chassis.engine import THREAD_STACK, Guest, own_engine
from infrafabric.kernel.chassis.memories import count_memories
from infrafabric.kernel.chassis.process import worker_environment

ROOT = Path(__file__).parents[1]
COMPONENTIZE = ROOT / ".peers" / "componentize-qjs" / "node_modules" / ".bin" / "componentize-qjs"
PYTHON = """
from infrafabric.adapters.sdk import Adapter, Call, Change, Plan, Refuse


class External(Adapter):
    async def plan(self, intent, host):
        text = (await host.read("state")).text
        runs = "<external>True</external>" in text
        if not runs and "<external>False</external>" not in text:
            raise Refuse("what answers there is not vMix")
        if runs == intent["on"]:
            return Plan(observed={"external": runs})
        do, undo = ("start", "stop") if intent["on"] else ("stop", "start")
        change = Change(do, {}, {"external": runs}, {"external": intent["on"]}, Call(undo), f"{do} it")
        return Plan([change], observed={"external": runs})
"""
JAVASCRIPT = """
import { adapter, Refuse } from "./infrafabric.mjs";

export const { start, resume } = adapter({
  *plan({ on }, host) {
    const text = (yield host.read("state")).text;
    const runs = text.includes("<external>True</external>");
    if (!runs && !text.includes("<external>False</external>")) throw new Refuse("what answers there is not vMix");
    const observed = { external: runs };
    if (runs === on) return { changes: [], observed };
    const [effect, undo] = on ? ["start", "stop"] : ["stop", "start"];
    const after = { external: on };
    const inverse = { effect: undo, args: {} };
    return { changes: [{ effect, before: observed, after, inverse, summary: `${effect} it` }], observed };
  },
});
"""
BODY = f"<vmix><inputs>{INPUTS}</inputs><external>False</external></vmix>"
ANSWER = {"ok": {"status": 200, "headers": {}, "body": BODY}}
INTENT = {"on": True}
ROUNDS, SINGLE, MANY, IN_FLIGHT = 5, 200, 1_600, 16
PARTS, WARM_UP = 200, 20


def program(language: str, runtime: str, entrypoint: str, files: dict[str, bytes]) -> Program:
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()
    return Program(f"sha256:{digest}", f"bench-{language}", runtime, entrypoint, files)


def programs(folder: Path) -> dict[str, Program]:
    """One adapter a language, as far as it can be built here."""
    made = {"python/1": program("python", "python/1", "external.py:External", {"external.py": PYTHON.encode()})}
    if COMPONENTIZE.exists():
        sdk = ROOT / "adapters" / "sdk_js" / "infrafabric.mjs"
        (folder / sdk.name).write_bytes(sdk.read_bytes())
        (folder / "external.mjs").write_text(JAVASCRIPT)
        wit = ROOT / "kernel" / "chassis" / "guest" / "adapter.wit"
        subprocess.run(
            [COMPONENTIZE, "-w", wit, "-n", "adapter", "-j", "external.mjs", "--stub-wasi", "--sync", "-o", "js.wasm"],
            cwd=folder, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        wasm = (folder / "js.wasm").read_bytes()
        made["javascript"] = program("javascript", "component/1", "js.wasm", {"js.wasm": wasm})
    wasm = bytes(wat2wasm((ROOT / "tests" / "guests" / "wat" / "external.wat").read_text()))
    made["wat"] = program("wat", "component/1", "wat.wasm", {"wat.wasm": wasm})
    return made


async def answer(_request: dict[str, Any]) -> dict[str, Any]:
    return ANSWER


class Measured:
    """One language, as the kernel sees it. Seconds and milliseconds of wall time, but for the guest's CPU."""

    def __init__(self, chassis: Chassis, made: Program) -> None:
        self._chassis, self._made = chassis, made
        self._load, self._alone, self._guest, self._rates = 0.0, list[float](), list[float](), list[float]()

    async def load(self) -> None:
        began = time.perf_counter()
        await self._chassis.load(self._made)
        self._load = time.perf_counter() - began
        assert len((await self._run()).done["changes"]) == 1

    async def round(self) -> None:
        """Rounds alternate between the languages, so that what else the machine does falls on all of them."""
        self._alone += await timed(self._run, SINGLE // ROUNDS, pause=0.01)
        self._guest += [(await self._run()).cpu_ms for _ in range(20)]
        began = time.perf_counter()
        await asyncio.gather(*(self._work() for _ in range(IN_FLIGHT)))
        self._rates.append(MANY // ROUNDS / (time.perf_counter() - began))

    async def _work(self) -> None:
        for _ in range(MANY // ROUNDS // IN_FLIGHT):
            await self._run()

    async def _run(self) -> Any:
        return await self._chassis.run(self._made, "plan", {"intent": INTENT}, seed=1, perform=answer)

    def figures(self) -> dict[str, Any]:
        alone = sorted(self._alone)
        return {
            "load_s": round(self._load, 3),
            "plan_p50_ms": round(statistics.median(alone), 3),
            "plan_p99_ms": round(alone[int(len(alone) * 0.99) - 1], 3),
            "guest_cpu_ms": round(statistics.median(self._guest), 3),
            "plans_per_s": round(statistics.median(self._rates)),
        }


def parts(file: str) -> dict[str, Any]:
    """What one run of a component costs the guest thread: medians of CPU milliseconds. In a process of its own."""
    wasm = Path(file).read_bytes()
    engine = own_engine()
    component, linker = Component(engine, wasm), Linker(engine)
    memories, far, samples = count_memories(wasm), 10_000, []
    start = orjson.dumps({"op": "plan", "intent": INTENT, "seed": 1}).decode()
    read = orjson.dumps(ANSWER).decode()
    figures: dict[str, Any] = {"wasm_bytes": len(wasm), "native_bytes": len(component.serialize())}

    def work() -> None:
        faults = 0
        for place in range(WARM_UP + PARTS):
            if place == WARM_UP:
                faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            times = [time.thread_time()]
            guest = Guest(linker, component, (128 << 20) // memories, far, memories)
            times.append(time.thread_time())
            for name, argument in (("start", start), ("resume", read)):
                ok, text = guest.call(name, argument, ticks=far, output_bytes=1 << 20)
                times.append(time.thread_time())
                assert ok, text
            guest.drop()
            times.append(time.thread_time())
            if place >= WARM_UP:
                samples.append([(after - before) * 1e3 for before, after in itertools.pairwise(times)])
        figures["page_faults"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / PARTS, 1)

    before = threading.stack_size(THREAD_STACK)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()
    threading.stack_size(before)
    medians = [statistics.median(column) for column in zip(*samples, strict=True)]
    names = ("instantiate", "start", "resume", "drop")
    figures |= {f"{name}_ms": round(value, 3) for name, value in zip(names, medians, strict=True)}
    return {**figures, "sum_ms": round(sum(medians), 3)}


async def parts_apart(made: Program, folder: Path) -> dict[str, Any]:
    """`parts` in a process with a worker's environment, which decides how memory is copied."""
    (folder / made.entrypoint).write_bytes(made.files[made.entrypoint])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "parts", str(folder / made.entrypoint)),
        stdout=asyncio.subprocess.PIPE,
        env=worker_environment(),
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the parts could not be measured")
    figures: dict[str, Any] = json.loads(said)
    return figures


async def measure(folder: Path) -> dict[str, Any]:
    made = programs(folder)
    settings = ChassisSettings(cache=folder / "cache", mac_key=b"of this benchmark alone")
    async with await Chassis.start(settings) as chassis:
        measured = {language: Measured(chassis, one) for language, one in made.items()}
        for one_measured in measured.values():
            await one_measured.load()
        for _ in range(ROUNDS):
            for one_measured in measured.values():
                await one_measured.round()
    figures = {language: one_measured.figures() for language, one_measured in measured.items()}
    for language, one in made.items():
        if one.runtime == "component/1":
            figures[language]["worker_cpu"] = await parts_apart(one, folder)
    python = figures["python/1"]
    for language, mine in figures.items():
        if language != "python/1":
            mine["to_python"] = {
                name: round(mine[name] / python[name], 2) for name in ("plan_p50_ms", "guest_cpu_ms", "plans_per_s")
            }
    return figures


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(measure(Path(folder)))
    return {"benchmark": "guest_languages", "cpus": os.cpu_count(), "languages": figures}


if __name__ == "__main__":
    if sys.argv[1:2] == ["parts"]:
        print(json.dumps(parts(sys.argv[2])))
    else:
        print(json.dumps(main(), indent=2))
