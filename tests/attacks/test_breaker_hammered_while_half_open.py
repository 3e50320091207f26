"""Two hundred calls at once on a breaker that is half open: exactly one reaches the target, time and again."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from policies import Rows

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.things import Target
from infrafabric.policy.breakers import BreakerLimits, TargetBreakers

TARGET = Target(name="lamp@hall")


@pytest.mark.parametrize("recovers_at", [1, 4])
async def test_one_probe_gets_through_however_many_ask(recovers_at: int) -> None:
    now, reached, refused, rounds = 0.0, 0, 0, 0
    states: list[str] = []

    async def record(entry: Entry) -> None:
        await anyio.lowlevel.checkpoint()  # the log takes its time, and others run meanwhile
        states.append(str(entry.body.as_json()["state"]))

    breakers = TargetBreakers(Rows(), record, BreakerLimits(failures=1, open_s=30), monotonic=lambda: now)

    async def call(works: bool) -> None:
        nonlocal reached, refused
        try:
            async with breakers.calling("if://capability/lamp.switch", TARGET, "trace"):
                reached += 1
                await anyio.sleep(0.01)
                if not works:
                    raise FabricError(Code.TARGET_UNREACHABLE, "still down")
        except FabricError as error:
            refused += error.code is Code.BREAKER_OPEN

    await call(works=False)
    for rounds in range(1, recovers_at + 1):
        now += 30
        reached = refused = 0
        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(call, rounds == recovers_at)
        assert (reached, refused) == (1, 199)
    assert states == ["open", *["half_open", "open"] * (rounds - 1), "half_open", "closed"]
    reached = refused = 0
    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(call, True)
    assert (reached, refused) == (200, 0), "closed, it lets everyone through"
