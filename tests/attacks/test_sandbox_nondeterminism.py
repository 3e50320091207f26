"""An adapter looks for anything that differs from one run to the next, so that approval and apply would differ."""

from __future__ import annotations

import asyncio

import pytest
from sandbox import plan, planning, program, settings

from infrafabric.kernel.chassis import Chassis

SOURCES = {
    "hash of a string": "hash('a')",
    "order of a set": "list({'a', 'b', 'c', 'd', 'e'})",
    "address of an object": "id(object())",
    "unseeded randomness": "(random.random(), random.Random().random(), random.randbytes(8))",
    "repr of a function": "repr(lambda: 0)",
    "float formatting": "(0.1 + 0.2, float('nan'), 2.0 ** 0.5)",
}


@pytest.mark.parametrize("expression", SOURCES.values(), ids=SOURCES)
async def test_every_run_gives_the_same(sandbox: Chassis, expression: str) -> None:
    made = program("import random\n" + planning(f"return Plan(note=repr({expression}))"))
    notes = {run.done["note"] for run in await asyncio.gather(*(plan(sandbox, made, seed=5) for _ in range(20)))}
    async with await Chassis.start(settings(workers=1, spares=0)) as other:
        notes.add((await plan(other, made, seed=5)).done["note"])
    assert len(notes) == 1


async def test_randomness_comes_from_the_seed(sandbox: Chassis) -> None:
    made = program("import random\n" + planning("return Plan(note=str(random.random()))"))
    assert len({(await plan(sandbox, made, seed=seed)).done["note"] for seed in range(10)}) == 10
