"""An adapter that reads for ever is stopped by the number of its requests."""

from __future__ import annotations

import pytest
from sandbox import World, plan

from infrafabric.kernel.chassis import Chassis, RunLimits
from infrafabric.kernel.errors import Code, FabricError


async def test_requests_are_counted(sandbox: Chassis) -> None:
    world = World()
    body = "for n in range(10_000):\n    try: await host.read('state', n=n)\n    except BaseException: pass"
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body + "\nreturn Plan()", world=world)
    assert caught.value.code is Code.SANDBOX_REQUESTS
    assert len(world.asked) == RunLimits().requests
