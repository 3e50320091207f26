"""The real sandbox for tests: a chassis a session, a component cache that outlives it, ways to play a run."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infrafabric.kernel.chassis import Chassis, ChassisSettings, Program, Run, RunLimits

CACHE = Path(__file__).parents[2] / ".chassis_cache"
"""Compiling the component takes seconds, so tests share what was compiled; its MAC key is for tests alone."""
MAC_KEY = b"a key for tests alone"

HEAD = "from infrafabric.adapters.sdk import Adapter, Call, Change, EffectError, Plan, Refuse\n\n"


def settings(**changes: Any) -> ChassisSettings:
    return ChassisSettings(**{"cache": CACHE, "mac_key": MAC_KEY, "workers": 2, **changes})


def program(source: str, *, publisher: str = "acme", files: Mapping[str, str] | None = None) -> Program:
    """A python/1 program: `source` is adapter.py, with a class `Thing`; the SDK's names are imported for it."""
    sources = {"adapter.py": (HEAD + source).encode(), **{name: text.encode() for name, text in (files or {}).items()}}
    digest = hashlib.sha256(repr((publisher, sorted(sources.items()))).encode()).hexdigest()
    return Program(f"sha256:{digest}", publisher, "python/1", "adapter.py:Thing", sources)


def planning(body: str) -> str:
    """An adapter whose `plan` has that body."""
    lines = "\n".join("        " + line for line in body.strip("\n").splitlines())
    return f"class Thing(Adapter):\n    async def plan(self, intent, host):\n{lines}\n"


class World:
    """Answers every request with `ok`, and remembers what was asked."""

    def __init__(self, ok: Any = None) -> None:
        self.ok = {} if ok is None else ok
        self.asked: list[dict[str, Any]] = []

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        return {"ok": self.ok}


async def plan(
    chassis: Chassis,
    what: Program | str,
    intent: Mapping[str, Any] | None = None,
    *,
    world: World | None = None,
    seed: int = 1,
    limits: RunLimits | None = None,
) -> Run:
    """Run `plan` of a program, or of a body of `plan`."""
    made = program(planning(what)) if isinstance(what, str) else what
    perform = (world or World()).answer
    return await chassis.run(made, "plan", {"intent": dict(intent or {})}, seed=seed, perform=perform, limits=limits)


@pytest.fixture(scope="session")
async def sandbox() -> AsyncIterator[Chassis]:
    async with await Chassis.start(settings()) as chassis:
        yield chassis
