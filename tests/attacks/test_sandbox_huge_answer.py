"""An adapter answers with 100 MB, or with more than a step may have."""

from __future__ import annotations

import pytest
from sandbox import World, plan, program

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

ANSWERS = {
    "a plan of 100 MB": "return Plan(note='a' * 100_000_000)",
    "a plan of 2 MB": "return Plan([Change('cut', {'x': 'a' * 2_000_000})])",
    "a plan of 2 MB that escapes grow": "return Plan([Change('cut', {'x': '\\x00' * 500_000})])",
    "a request of 100 MB": "await host.read('state', x='a' * 100_000_000)",
    "a request with 2 million members": "await host.read_with('state', {str(n): n for n in range(300_000)})",
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_too_large_is_refused(sandbox: Chassis, body: str) -> None:
    world = World()
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body, world=world)
    assert caught.value.code is Code.SANDBOX_OUTPUT
    assert world.asked == []


async def test_a_long_exception_is_cut(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, "raise ValueError('a' * 10_000_000)")
    assert caught.value.code is Code.ADAPTER_FAILED
    assert len(caught.value.message) < 500


async def test_a_long_refusal_is_cut(sandbox: Chassis) -> None:
    made = program(
        "class Thing(Adapter):\n    async def plan(self, intent, host):\n        raise Refuse('a' * 10_000_000)\n"
    )
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, made)
    assert caught.value.code is Code.ADAPTER_REFUSED
    assert len(caught.value.message) <= 300
