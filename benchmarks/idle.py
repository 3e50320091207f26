"""What a kernel takes that serves a home and has nothing to do: memory and processor time of all its processes.

Memory is the proportional set size (PSS): what processes share is counted once. Linux only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTLE_S = 20.0
"""After the start: until everything that is begun at the start is done."""
MEASURED_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} says nothing of its memory")


def used_s(pid: int) -> float:
    """Processor seconds, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure() -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="infrafabric-idle-"))
    environment = {**os.environ, "INFRAFABRIC_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "infrafabric.control.ifctl", "up", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        time.sleep(SETTLE_S)
        processes = family(process.pid)
        before, began = {pid: used_s(pid) for pid in processes}, time.monotonic()
        time.sleep(MEASURED_S)
        took = time.monotonic() - began
        spent = sum(used_s(pid) - before[pid] for pid in processes)
        return {
            "processes": len(processes),
            "pss_mib": round(sum(map(pss_kib, processes)) / 1024, 1),
            "pss_mib_of_the_kernel_alone": round(pss_kib(process.pid) / 1024, 1),
            "cpu_percent": round(100 * spent / took, 2),
            "seconds": round(took, 1),
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
