"""An adapter answers with JSON so deep that hashing or printing it would fail later."""

from __future__ import annotations

import pytest
from sandbox import World, plan

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

NEST = "x = 1\nfor _ in range({depth}):\n    x = [x]\n"


@pytest.mark.parametrize("depth", [60, 500, 5_000])
@pytest.mark.parametrize("end", ["return Plan([Change('cut', {'x': x})])", "await host.read('state', x=x)"])
async def test_what_is_too_deep_is_refused(sandbox: Chassis, depth: int, end: str) -> None:
    world = World()
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, NEST.format(depth=depth) + end, world=world)
    # CPython frees a nest of thousands by recursion, which may fill the guest's stack before the answer is out.
    assert caught.value.code in ({Code.SANDBOX_OUTPUT} if depth < 5_000 else {Code.SANDBOX_OUTPUT, Code.SANDBOX_STACK})
    assert world.asked == []


async def test_what_is_as_deep_as_may_be_passes(sandbox: Chassis) -> None:
    run = await plan(sandbox, NEST.format(depth=40) + "return Plan([Change('cut', {'x': x})])")
    assert run.done["changes"][0]["effect"] == "cut"
