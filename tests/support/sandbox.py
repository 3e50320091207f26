"""The real sandbox for tests: a chassis a session, a component cache that outlives it, ways to play a run."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

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


def component(
    start: str = "(call $answer (i32.const 0) (i32.const 16) (i32.const 38))",
    resume: str = "(call $answer (i32.const 0) (i32.const 64) (i32.const 38))",
    *,
    pages: int = 1,
    imports: str = "",
) -> bytes:
    """A component of a few hundred bytes: asks for one read, then ends with an empty plan. Bodies are core WAT."""
    request = '{"request":{"read":"state","args":{}}}'.ljust(48)
    done = '{"done":{"changes":[],"note":"a wat"}}'
    data = (request + done).replace('"', '\\"')
    lift = "(canon lift (core func ${0}) (memory (core memory $memory)) (realloc (core func $realloc)))"
    wat = f"""
    (component {imports}
      (core module $M
        (memory (export "memory") {pages})
        (global $free (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (local $at i32)
          (local.set $at (global.get $free))
          (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8)))
          (local.get $at))
        (func $answer (param $err i32) (param $text i32) (param $size i32) (result i32)
          (i32.store8 (i32.const 1024) (local.get $err))
          (i32.store (i32.const 1028) (local.get $text))
          (i32.store (i32.const 1032) (local.get $size))
          (i32.const 1024))
        (func $start (export "start") (param i32 i32) (result i32) {start})
        (func (export "resume") (param i32 i32) (result i32) {resume})
        (data (i32.const 16) "{data}"))
      (core instance $m (instantiate $M))
      (alias core export $m "memory" (core memory $memory))
      (alias core export $m "realloc" (core func $realloc))
      (alias core export $m "start" (core func $start))
      (alias core export $m "resume" (core func $resume))
      (func (export "start") (param "call-json" string) (result (result string (error string))) {lift.format("start")})
      (func (export "resume") (param "answer-json" string) (result (result string (error string)))
        {lift.format("resume")}))
    """
    return bytes(wat2wasm(wat))


def component_program(wasm: bytes, *, publisher: str = "acme") -> Program:
    digest = hashlib.sha256(wasm).hexdigest()
    return Program(f"sha256:{digest}", publisher, "component/1", "a.wasm", {"a.wasm": wasm})


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
