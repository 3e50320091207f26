"""Runs every benchmark in a process of its own and prints one JSON object: what `make bench` does.

`python benchmarks/run.py NAME …` runs only those. Figures are worth their ratio to the baseline of the same run; the
machine's own speed is in `docs/performance.md`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = (
    "governed_action",
    "guard_decision",
    "governor_admission",
    "budget_ledger",
    "envelope_admission",
    "guard_and_audit",
    "sandbox_plan",
    "sandbox_waiting",
    "guest_languages",
    "witness_append",
    "witness_proof",
    "http_driver",
    "lasting_drivers",
    "api_routes",
    "api_apply",
    "sse_clients",
    "homeassistant",
    "obs_scene",
    "start",
    "idle",
)


def run(name: str) -> Any:
    """The benchmark's own JSON, or what it said as it failed."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(f"{name}.py"))], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        return {"failed": done.returncode}
    return json.loads(done.stdout)


def main(names: list[str]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no benchmark is called {min(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    results = {}
    for name in names or NAMES:
        print(f"… {name}", file=sys.stderr, flush=True)
        results[name] = run(name)
    print(json.dumps({"machine": machine, "results": results}, indent=2))
    return 1 if any("failed" in result for result in results.values() if isinstance(result, dict)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
