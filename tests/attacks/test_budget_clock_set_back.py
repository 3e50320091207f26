"""The clock is set back to a day whose budget is still whole: nothing is sent on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

DAY = 86_400


async def spend_all(world: World, house: House) -> None:
    value = Budget(subject=f"talent:{OPERATOR}", unit=Unit.REQUESTS, period="day", limit=1)
    await house.record(house.operator(new_trace_id()).budget(value, "test"))
    assert (await house.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED
    over = await house.kernel.act(world.lamps(porch=True))
    assert over.error is not None and over.error.code is Code.BUDGET_EXCEEDED


async def refused(world: World, house: House) -> None:
    sent = list(world.peer.writes)
    with pytest.raises(FabricError) as caught:
        await house.kernel.act(world.lamps(porch=True))
    assert caught.value.code is Code.LOG_CLOCK
    assert world.peer.writes == sent


async def test_while_the_kernel_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    async with world.opened() as house:
        await spend_all(world, house)
        for clock in (house.kernel.parts.budgets._clock, house.log._writer._clock):  # type: ignore[attr-defined]
            monkeypatch.setattr(clock, "_wall", lambda: right() - DAY)
        await refused(world, house)


async def test_over_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        await spend_all(world, house)
    right = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: right() - DAY)
        with pytest.raises(FabricError) as caught:
            async with world.opened():
                pytest.fail("a kernel started on a false clock")
        assert caught.value.code is Code.LOG_CLOCK
    async with world.opened() as house:
        over = await house.kernel.act(world.lamps(porch=True))
        assert over.error is not None and over.error.code is Code.BUDGET_EXCEEDED
    assert world.peer.writes == ["POST /lamps/hall"]
