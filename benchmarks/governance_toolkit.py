"""The other side of `guard_and_audit`: a decision and its record by the PyPI packages of the agent-governance-toolkit.

Runs on the Python of a virtual environment that has `agent-governance-toolkit-core` (which took in `agent-os-kernel`
and the others), and imports nothing of InfraFabric. Prints JSON.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RULES = 200
TURNS = 2_000
RECORDS = 60
AGENT, TOOL = "did:mesh:bench", "house.lamps"


def toolkit_policies() -> Callable[[], bool]:
    """agent_os: a document of 200 rules, the matching one last."""
    from agent_os.policies.evaluator import PolicyEvaluator
    from agent_os.policies.schema import PolicyDocument

    rules = [_rule(number, f"tool-{number}", "deny", RULES - number) for number in range(RULES - 1)]
    rules.append(_rule(RULES, TOOL, "allow", 0))
    document = PolicyDocument.model_validate({"version": "1.0", "name": "bench", "rules": rules})
    evaluator = PolicyEvaluator([document])
    return lambda: bool(evaluator.evaluate({"tool_name": TOOL, "agent_id": AGENT}).allowed)


def _rule(number: int, tool: str, action: str, priority: int) -> dict[str, Any]:
    condition = {"field": "tool_name", "operator": "eq", "value": tool}
    return {"name": f"rule-{number}", "condition": condition, "action": action, "priority": priority}


def jsonl(path: Path) -> Callable[[], None]:
    """agent_os: GovernanceAuditLogger on a JSONL file, flushed after every entry."""
    from agent_os.audit_logger import GovernanceAuditLogger, JsonlFileBackend

    logger = GovernanceAuditLogger()
    logger.add_backend(JsonlFileBackend(path))

    def record() -> None:
        logger.log_decision(AGENT, TOOL, "allow", reason="bench", lamp="hall", on=True)
        logger.flush()

    return record


def chained(path: Path) -> Callable[[], None]:
    """agentmesh: AuditLog with its Merkle chain in memory and HMAC-signed lines in a file."""
    from agentmesh.governance.audit import AuditLog
    from agentmesh.governance.audit_backends import FileAuditSink

    log = AuditLog(sink=FileAuditSink(path, b"k" * 32))

    def record() -> None:
        log.log("decision", AGENT, TOOL, data={"lamp": "hall", "on": True}, policy_decision="allow")

    return record


def recorder(path: Path, *, batching: bool) -> Callable[[], None]:
    """agent_control_plane: FlightRecorder, a hash chain in SQLite."""
    from agent_control_plane.flight_recorder import FlightRecorder

    flight = FlightRecorder(str(path), enable_batching=batching)

    def record() -> None:
        trace = flight.start_trace(AGENT, TOOL, {"lamp": "hall", "on": True})
        flight.log_success(trace, result="allow")

    return record


KINDS: dict[str, Callable[[Path], Callable[[], None]]] = {
    "jsonl": jsonl,
    "chained_file": chained,
    "flight_recorder": lambda path: recorder(path, batching=False),
    "flight_recorder_batched": lambda path: recorder(path, batching=True),
}


def measured(work: Callable[[], object]) -> dict[str, float]:
    took = []
    for turn in range(-100, TURNS):
        began = time.perf_counter()
        work()
        if turn >= 0:
            took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    return {"p50_ms": round(statistics.median(took), 4), "p99_ms": round(took[len(took) * 99 // 100], 4)}


def survivors(kind: str, path: Path) -> int:
    """Of `RECORDS` records how many are on disk after the process was killed right after the last call."""
    if os.fork() == 0:
        record = KINDS[kind](path)
        for _ in range(RECORDS):
            record()
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
    if not path.exists():
        return 0
    if kind.startswith("flight"):
        import sqlite3

        with sqlite3.connect(path) as database:
            return int(database.execute("SELECT count(*) FROM audit_log").fetchone()[0])
    return len(path.read_text().splitlines())


def main() -> dict[str, Any]:
    synced = 0
    real = os.fsync

    def counting(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        real(descriptor)

    os.fsync = counting  # type: ignore[assignment]
    decide = toolkit_policies()
    assert decide()
    records = {}
    with tempfile.TemporaryDirectory() as folder:
        left = {kind: survivors(kind, Path(folder) / f"{kind}.killed") for kind in KINDS}
        for kind, make in KINDS.items():
            record = make(Path(folder) / kind)

            def both(record: Callable[[], None] = record) -> None:
                assert decide()
                record()

            records[kind] = {**measured(both), "left_of_60_after_kill": left[kind]}
    return {
        "agent-governance-toolkit-core": importlib.metadata.version("agent-governance-toolkit-core"),
        "rules": RULES,
        "decision": measured(decide),
        "decision_and_record": records,
        "python_fsyncs": synced,
    }


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
