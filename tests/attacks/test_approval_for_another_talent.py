"""An approval for one talent's action is handed in for another talent's: same plan, another question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from world import World


async def test_an_approval_for_another_talents_action(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        rogue = await people.asker(house, name="Rogue")
        ann = await people.add(house, "Ann")
        trusted = await house.kernel.act(world.ask(*HALL, talent=ASKER))
        other = await house.kernel.act(world.ask(*HALL, talent=rogue))
        assert trusted.changes_digest == other.changes_digest
        assert trusted.context_digest != other.context_digest
        with pytest.raises(FabricError) as refused:
            await house.kernel.approve(other.action, people.agrees(house, trusted, ann))
    assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []
