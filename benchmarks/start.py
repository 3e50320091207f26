"""How long one waits for ifctl: its help, and a kernel that is ready for a first action with a warm cache.

Prints JSON: median seconds of whole processes, beside a bare `python -c pass` of the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_house import bench_home, lamp_server

RUNS = 9
READY = """
import sys, time
began = time.perf_counter()
import asyncio
from pathlib import Path
from infrafabric.control.home import Home
from infrafabric.control.house import open_house
from infrafabric.keys.passphrase import Passphrase

async def main():
    async with open_house(Home.open(Path(sys.argv[1])), "acting", passphrase=Passphrase(environ={})):
        print(time.perf_counter() - began)

import uvloop
uvloop.run(main())
"""


def whole(*command: str) -> float:
    """Median seconds of a command as a whole process."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def ready(root: Path) -> float:
    """Median seconds from the first import to a kernel that takes actions."""
    command = [sys.executable, "-c", READY, str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # the cache is warm from here on
    took = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(RUNS)]
    return statistics.median(took)


async def home_at(root: Path) -> None:
    async with lamp_server(1) as ports:
        await bench_home(root, ports)


def main() -> dict[str, Any]:
    bare = whole(sys.executable, "-c", "pass")
    ifctl = str(Path(sys.executable).with_name("ifctl" + (".exe" if os.name == "nt" else "")))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        asyncio.run(home_at(root))
        start = ready(root)
    shown = whole(ifctl, "--help")
    return {
        "benchmark": "start",
        "bare_python_s": round(bare, 4),
        "help_s": round(shown, 4),
        "help_ratio_to_bare_python": round(shown / bare, 2),
        "ready_warm_s": round(start, 3),
        "goal": {"help_s": 0.15, "ready_warm_s": 1.0},
    }


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
