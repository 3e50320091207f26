"""An adapter that never ends is stopped by the CPU time it used, wherever it loops and whatever it catches."""

from __future__ import annotations

import pytest
from sandbox import plan, planning, program

from infrafabric.kernel.chassis import Chassis, RunLimits
from infrafabric.kernel.errors import Code, FabricError

LOOPS = {
    "plainly": "while True:\n    pass",
    "catching everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "in finally": "try:\n    raise ValueError\nfinally:\n    while True:\n        pass",
    "inside C code": "return Plan(note=str(sum(range(10**12))))",
    "in a regular expression": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
    "after a request": "await host.read('state')\nwhile True:\n    pass",
    "a little between requests": "while True:\n    await host.read('state')\n    sum(range(200_000))",
}


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS)
async def test_a_loop_is_stopped(sandbox: Chassis, body: str) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body, limits=RunLimits(cpu_ms=200))
    assert caught.value.code is Code.SANDBOX_CPU
    assert (await plan(sandbox, "return Plan(note='others go on')")).done["note"] == "others go on"


async def test_a_loop_at_module_level_is_stopped_as_it_loads(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(program("while True:\n    pass\n" + planning("return Plan()")))
    assert caught.value.code is Code.SANDBOX_CPU
