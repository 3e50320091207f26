"""An approval is used twice: for the same action once more, or for the same ask asked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World


async def test_an_approval_is_not_for_the_same_ask_again(world: World) -> None:
    people = People()
    async with world.opened() as house:
        first = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        given = people.agrees(house, first, ann)
        done = await house.kernel.approve(first.action, given)
        assert done.outcome is Outcome.CONVERGED
        world.peer.lamps["hall"] = False
        second = await house.kernel.act(world.ask(*HALL, talent=ASKER))
        assert second.context_digest == first.context_digest, "but for the nonce it is the same question"
        for action in (first.action, second.action):
            with pytest.raises(FabricError) as refused:
                await house.kernel.approve(action, given)
            assert refused.value.code is Code.APPROVAL_INVALID
    assert len(world.peer.writes) == 1


async def test_one_person_counts_once(world: World) -> None:
    """Also under a second name with the same key, and through someone whom it owns."""
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(people=2))
        await people.asker(house)
        ann = await people.add(house, "Ann")
        also = await people.add(house, "AlsoAnn", key=people.keys[ann])
        puppet = await people.add(house, "Puppet", owner=ann)
        waits = await house.kernel.act(world.ask(*HALL, talent=ASKER))
        await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        for who in (ann, also, puppet):
            with pytest.raises(FabricError) as refused:
                await house.kernel.approve(waits.action, people.agrees(house, waits, who))
            assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []
