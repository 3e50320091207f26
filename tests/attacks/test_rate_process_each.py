"""A script that starts a process for each ask does not get a full bucket each time: the log is looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import People

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Rate

if TYPE_CHECKING:
    from world import World


async def test_a_rate_holds_from_one_process_to_the_next(world: World) -> None:
    async with world.opened() as house:
        target = house.authority.target("house@home").model_copy(update={"rate": Rate(rps=0.001, burst=3)})
        await house.record(house.operator(new_trace_id()).target(target, "a rate"))
        stranger = await People().add(house, "Stranger", "agent")
        await house.kernel.act(world.lamps(hall=True))
        turned_away = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": False}}, talent=stranger))
        assert turned_away.outcome is Outcome.REFUSED
    for _ in range(2):
        async with world.opened() as house:
            await house.kernel.act(world.lamps(hall=True))
    async with world.opened() as house:
        with pytest.raises(FabricError) as refusal:
            await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": False}}, talent=OPERATOR))
    assert refusal.value.code is Code.RATE_LIMITED and "house@home" in refusal.value.message
