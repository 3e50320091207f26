"""An adapter that wants more memory than it may have gets an error of its own, and nobody else notices."""

from __future__ import annotations

import pytest
from sandbox import plan, planning, program

from infrafabric.kernel.chassis import Chassis, RunLimits
from infrafabric.kernel.errors import Code, FabricError

HOGS = {
    "one block": "x = bytearray(1 << 30)",
    "many small ones": "x = []\nwhile True:\n    x.append([0] * 1000)",
    "a string": "x = 'a' * (1 << 29)\nreturn Plan(note=x)",
    "in itself": "x = []\nwhile True:\n    x += [bytes(10_000), x]",
}


@pytest.mark.parametrize("body", HOGS.values(), ids=HOGS)
async def test_memory_is_limited(sandbox: Chassis, body: str) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body)
    assert caught.value.code is Code.SANDBOX_MEMORY
    assert (await plan(sandbox, "return Plan(note='others go on')")).done["note"] == "others go on"


async def test_a_run_may_be_given_less(sandbox: Chassis) -> None:
    made = program(planning("return Plan(note=str(len(bytearray(40 << 20))))"))
    assert (await plan(sandbox, made)).done["note"] == str(40 << 20)
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, made, limits=RunLimits(memory_bytes=32 << 20))
    assert caught.value.code is Code.SANDBOX_MEMORY


async def test_catching_it_does_not_help(sandbox: Chassis) -> None:
    body = "x = []\nwhile True:\n    try:\n        x.append(bytes(1 << 20))\n    except MemoryError:\n        pass"
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body, limits=RunLimits(cpu_ms=500))
    assert caught.value.code is Code.SANDBOX_CPU
