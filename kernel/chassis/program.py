"""What the chassis is told and what it answers: programs, limits, runs, settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.words.entries import GuestRun

__all__ = ["COMPONENT_FILE", "ChassisSettings", "Op", "Program", "Run", "RunLimits"]

Op = Literal["plan", "apply"]

COMPONENT_FILE = Path(__file__).parent / "guest" / "python-1.wasm"
"""The component of `python/1`, as it was built with this release or checkout."""


@dataclass(frozen=True, slots=True)
class Program:
    """An adapter's verified code."""

    adapter: str
    """Digest of the bundle."""
    publisher: str
    """Whose it is: guests of different publishers never share a process."""
    runtime: str
    """`python/1` or `component/1`."""
    entrypoint: str
    """`adapter.py:Class` for python/1, `adapter.wasm` for component/1."""
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may use. Each is what a generous adapter needs, times ten."""

    cpu_ms: float = 2_000
    """CPU time of all steps together; a usual plan takes 1 ms. Accurate to 20 ms."""
    memory_bytes: int = 128 << 20
    """Linear memory; the component of python/1 has 17 MiB before the adapter does anything."""
    output_bytes: int = 1 << 20
    """One step: a request, or a plan. A plan of 500 changes with state takes some 200 kB."""
    depth: int = 48
    """Nesting of one step; what is stored is hashed as canonical JSON, which stops at 64."""
    requests: int = 2_000
    """Reads, performs and waits of one run. A manifest allows 1,000 reads, a plan 500 changes."""


@dataclass(frozen=True, slots=True)
class ChassisSettings:
    """How the sandbox runs on this machine."""

    cache: Path
    """Folder for compiled components, the kernel's alone."""
    mac_key: bytes
    """At least 16 bytes, kept with the home's keys: authenticates what is in the cache."""
    workers: int = field(default_factory=lambda: max(4, os.cpu_count() or 1))
    """Worker processes that serve publishers at once. More than cores, since an idle one costs memory only (50 MB, and
    16 MB a guest it has had) while a publisher that has to wait for one costs a start."""
    workers_each: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Of these for one publisher: one a core, since a guest's work is all CPU."""
    spares: int = 1
    """Workers kept ready that serve nobody yet; each takes some 50 MB and spares a publisher 0.1 s."""
    seats: int = 8
    """Runs that hold a guest in one worker at once; each guest keeps 16 MB resident."""
    preload: int = 4
    """Guests loaded ahead in one worker, so that a plan does not wait for its instance."""
    evict_after_s: float = 0.25
    """A run that waits longer for the world gives up its guest and is brought back from its recorded answers."""
    recycle_after: int = 20_000
    """Runs after which a worker is replaced."""
    limits: RunLimits = field(default_factory=RunLimits)
    allow_unconfined: bool = False
    """Run workers on Linux even where seccomp cannot be applied. Elsewhere there is no seccomp to apply."""
    component: Path = COMPONENT_FILE
    kept: Path | None = None
    """Folder in which each component of python/1 that ran stays, by digest, for replays; None keeps none."""
    kept_most: int = 8
    """Components that stay there, the newest, the present one among them; each takes some 20 MB."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that came to its end, and all that it depended on beside the program and its argument."""

    op: Op
    adapter: str
    runtime: str
    """Digest of the component that ran it."""
    seed: int
    argument: Mapping[str, Any]
    done: dict[str, Any]
    requests: tuple[dict[str, Any], ...]
    answers: tuple[dict[str, Any], ...]
    cpu_ms: float

    def recorded(self) -> GuestRun:
        """The run as entries keep it, enough to replay it."""
        return GuestRun(
            op=self.op,
            adapter=self.adapter,
            runtime=self.runtime,
            seed=self.seed,
            argument=sha256(dumps(self.argument)),
            requests=self.requests,
            answers=self.answers,
            result=sha256(dumps(self.done)),
            cpu_us=round(self.cpu_ms * 1e3),
        )
