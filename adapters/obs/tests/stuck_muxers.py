"""Ends the muxers at which an OBS 29 would wait for ever.

OBS writes a recording through a process of its own, `obs-ffmpeg-mux`, and waits for its end when it stops. Now and then
that process misses its own shutdown and stands still, two threads waiting for each other; OBS then says for ever that
it records. What it was sent is on disk by then, so ending it is all that is missing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["end_stuck_muxers"]

MUXER = "obs-ffmpeg-mux"
LOOK_EVERY_S = 0.2
PATIENCE_S = 1.0
"""How long a muxer may take to end once nobody can send it anything any more."""


def end_stuck_muxers(obs: subprocess.Popen[bytes]) -> None:
    """Look after `obs` until it has ended, and its muxers with it: they hold its ports as long as they live."""
    muxers: set[int] = set()
    since: dict[int, float] = {}
    while obs.poll() is None or any(map(_is_muxer, muxers)):
        now = time.monotonic()
        muxers.update(filter(_is_muxer, _descendants(obs.pid)))
        since = {pid: since.get(pid, now) for pid in _deserted(obs, muxers)}
        for pid, first in since.items():
            if now - first > PATIENCE_S:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK_EVERY_S)


def _deserted(obs: subprocess.Popen[bytes], muxers: set[int]) -> set[int]:
    """Those whose input OBS does not hold any more."""
    inputs = {}
    for muxer in filter(_is_muxer, muxers):
        with suppress(OSError):
            inputs[muxer] = Path(f"/proc/{muxer}/fd/0").readlink()
    held = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{obs.pid}/fd").iterdir():
            with suppress(OSError):
                held.add(descriptor.readlink())
    return {muxer for muxer, end in inputs.items() if end not in held}


def _is_muxer(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == MUXER
    except OSError:
        return False


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _descendants(child)
