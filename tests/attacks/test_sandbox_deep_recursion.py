"""An adapter that recurses without end: in Python, in C code that calls Python, in a parser."""

from __future__ import annotations

import pytest
from sandbox import plan

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

DEEP = {
    "in Python": "def f(n):\n    return f(n + 1)\nf(0)",
    "through repr": "class A:\n    def __repr__(self):\n        return repr(self)\nrepr(A())",
    "through sorted": "def f(n):\n    return sorted([n], key=f)\nf(0)",
    "through compile": "eval('(' * 100_000)",
    "in json": "import json\njson.loads('[' * 100_000)",
    "catching itself": "def f():\n    try:\n        f()\n    finally:\n        f()\nf()",
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
async def test_recursion_ends_the_run_and_not_the_worker(sandbox: Chassis, body: str) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body)
    # `catching itself` runs for ever without ever being deep; a parser says MemoryError when its stack is full.
    assert caught.value.code in {Code.SANDBOX_STACK, Code.SANDBOX_CPU, Code.SANDBOX_MEMORY, Code.SANDBOX_TRAP}
    assert (await plan(sandbox, "return Plan(note='others go on')")).done["note"] == "others go on"


async def test_plain_recursion_has_its_own_code(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, DEEP["in Python"])
    assert caught.value.code is Code.SANDBOX_STACK
