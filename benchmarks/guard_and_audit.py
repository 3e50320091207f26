"""A guard's decision and its record, beside PyPI packages of the agent-governance-toolkit in the same run. Prints JSON.

Ours: the guard of an open home with 200 policies decides on a real plan, and the entry `action.decided` is durable: in
SQLite with synchronous=FULL, under a signed checkpoint that also stands outside of the database. The others: see
`governance_toolkit.py`; they run on the Python that `--toolkit` names, of a virtual environment of their own:

    python -m venv /somewhere/toolkit && /somewhere/toolkit/bin/pip install agent-governance-toolkit-core
    python benchmarks/guard_and_audit.py --toolkit /somewhere/toolkit/bin/python

Without it their part is skipped, and says so.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop
from bench_house import CAPABILITY, ask, bench_home, lamp_server, opened, target_name
from guard_decision import POLICIES, usual

from infrafabric.control.house import House
from infrafabric.control.operator import OPERATOR
from infrafabric.control.policies import take
from infrafabric.kernel.ports import Entry, Question
from infrafabric.kernel.words.entries import ActionDecided, Kind
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Verdict
from infrafabric.policy.cedar import load_policies
from infrafabric.policy.files import shipped

TURNS = 1_000
TOGETHER = 100
MADE_DURABLE = {
    "infrafabric": "every decision before it is acted on, also against a loss of power: WAL synced, checkpoint signed "
    "and kept outside of the database too; provable to others (RFC 6962 tree, Ed25519)",
    "jsonl": "a flushed line in the system's cache: outlives the process, not a loss of power; nothing shows that a "
    "line was changed or cut off",
    "chained_file": "a line with an HMAC and the hash of the one before, in the system's cache: outlives the process, "
    "not a loss of power; shows changes to who has the HMAC's key and could make them; shows no end that was cut off",
    "flight_recorder": "a row in SQLite (WAL, synchronous=NORMAL): outlives the process, not a loss of power; a hash "
    "chain without signature, which whoever may write can write anew",
    "flight_recorder_batched": "its default: up to 100 statements or 5 s in memory, lost with the process",
}


async def asked(house: House) -> tuple[Question, ActionDecided, str]:
    """What the guard is asked about a real plan, the entry of its decision, and the action."""
    report = await house.kernel.act(replace(ask(0, True), purpose="plan"))
    assert report.plan is not None and report.decision is not None, report
    rows = house.log.entries(report.action)
    body = next(body for _, kind, body in rows if kind is Kind.ACTION_DECIDED)
    question = Question(
        house.authority.talent(OPERATOR), house.registry.resolve(CAPABILITY), house.authority.target(target_name(0)),
        report.plan, report.hazards, False, "apply", {"lamps": {"hall": True}},
    )  # fmt: skip
    return question, ActionDecided.model_validate(body), report.action


async def timed(work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    took = []
    for turn in range(-100, TURNS):
        began = time.perf_counter()
        await work()
        if turn >= 0:
            took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    return {"p50_ms": round(statistics.median(took), 4), "p99_ms": round(took[len(took) * 99 // 100], 4)}


async def ours(house: House) -> dict[str, Any]:
    left = POLICIES - len(load_policies(shipped()).rules)
    policies = await take(house, {**shipped(), "bench.cedar": usual(left)}, "benchmark", new_trace_id())
    question, body, action = await asked(house)
    guard = house.kernel.parts.guard
    assert guard.decide(question).verdict is Verdict.SHARE

    async def decide() -> None:
        guard.decide(question)

    async def both() -> None:
        guard.decide(question)
        await house.log.append(Entry(Kind.ACTION_DECIDED, body, action, OPERATOR))

    decision, alone = await timed(decide), await timed(both)
    began = time.perf_counter()
    for _ in range(10):
        await asyncio.gather(*(both() for _ in range(TOGETHER)))
    per_second = 10 * TOGETHER / (time.perf_counter() - began)
    return {
        "policies": len(policies.rules),
        "decision": decision,
        "decision_and_record": alone,
        "decisions_and_records_per_second_of_100_at_once": round(per_second),
    }


def fsync_ms() -> float:
    """One write of 4 KiB with fdatasync on this disk: what durability costs here at least."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1e3)
    return round(statistics.median(took), 4)


def theirs(python: Path | None) -> Any:
    if python is None:
        return {"skipped": "no --toolkit: see the docstring"}
    script = Path(__file__).with_name("governance_toolkit.py")
    done = subprocess.run([str(python), "-W", "ignore", str(script)], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.returncode}


async def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with lamp_server(1) as ports:
            home = await bench_home(Path(folder) / "home", ports)
            async with opened(home) as house:
                gc.freeze()
                sys.setswitchinterval(0.0002)
                return await ours(house)


def main(toolkit: Path | None = None) -> dict[str, Any]:
    return {
        "benchmark": "guard_and_audit",
        "fdatasync_ms": fsync_ms(),
        "infrafabric": uvloop.run(measure()),
        "agent_governance_toolkit": theirs(toolkit),
        "what_is_durable": MADE_DURABLE,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Guard and audit, beside the agent-governance-toolkit.")
    parser.add_argument("--toolkit", type=Path, help="the Python of a virtual environment that has the toolkit")
    print(json.dumps(main(parser.parse_args().toolkit), indent=2))
