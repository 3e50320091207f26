"""A talent that may do nothing here asks without end: it cannot fill the log faster than its own rate allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import People

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Rate, Talent

if TYPE_CHECKING:
    from world import World

SLOW = Talent(id="if://agent/Slow", rate=Rate(rps=0.01, burst=2))


@pytest.mark.parametrize("capability", ["house.lamps", "house.nothing"])
async def test_beyond_the_rate_refusals_are_counted_and_not_logged(world: World, capability: str) -> None:
    async with world.opened() as house:
        await house.record(house.operator(new_trace_id()).talent(SLOW, "test"))
        refused = world.ask(capability, {"lamps": {"hall": True}}, talent=SLOW.id)
        for _ in range(2):
            report = await house.kernel.act(refused)
            assert report.outcome is Outcome.REFUSED and report.error is not None
            assert report.error.code in (Code.NOT_GRANTED, Code.CAPABILITY_UNKNOWN)
        before = house.log.size
        for _ in range(50):
            with pytest.raises(FabricError) as limited:
                await house.kernel.act(refused)
            assert limited.value.code is Code.RATE_LIMITED
            assert limited.value.retry_after and limited.value.retry_after > 50
        assert house.log.size == before
        assert house.kernel.parts.refused[f"{Code.RATE_LIMITED.value} {SLOW.id}"] == 50
        # Nobody else pays for it.
        assert (await house.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED


async def test_an_ask_that_was_admitted_is_charged_once(world: World) -> None:
    async with world.opened() as house:
        await People().asker(house)
        scout = house.authority.talent("if://agent/Scout").model_copy(update={"rate": Rate(rps=0.01, burst=2)})
        await house.record(house.operator(new_trace_id()).talent(scout, "test"))
        for _ in range(2):
            report = await house.kernel.act(world.ask("house.lamps", {"lamps": 7}, talent=scout.id))
            assert report.error is not None and report.error.code is Code.INTENT_INVALID
        with pytest.raises(FabricError) as limited:
            await house.kernel.act(world.ask("house.lamps", {"lamps": 7}, talent=scout.id))
        assert limited.value.code is Code.RATE_LIMITED
