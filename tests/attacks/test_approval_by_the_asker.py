"""Who asks agrees to it: in person, with its own key under another name, or as an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, People

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from world import World


async def test_the_asker_agrees(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        people.keys[OPERATOR] = house.keystore.load("person-operator")
        double = await people.add(house, "Double", key=people.keys[OPERATOR])
        waits = await house.kernel.act(world.lamps(hall=True))
        for who in (OPERATOR, double):
            with pytest.raises(FabricError, match="is the asker") as refused:
                await house.kernel.approve(waits.action, people.agrees(house, waits, who))
            assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


async def test_an_agent_agrees(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        other = await people.add(house, "Other", "agent")
        for who in (ASKER, other):
            with pytest.raises(FabricError, match="is no person"):
                await house.kernel.approve(waits.action, people.agrees(house, waits, who))
    assert world.peer.writes == []


async def test_an_asker_may_withdraw_what_it_asked(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        people.keys[OPERATOR] = house.keystore.load("person-operator")
        waits = await house.kernel.act(world.lamps(hall=True))
        report = await house.kernel.refuse(waits.action, people.objects(house, waits, OPERATOR))
    assert report.error is not None and report.error.code is Code.APPROVAL_REFUSED
