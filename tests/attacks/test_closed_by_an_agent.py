"""Only a person can say what became of an action that is in doubt: an agent did not look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, People

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


async def test_only_a_person_closes_what_is_in_doubt(world: World) -> None:
    people = People()
    async with world.opened() as house:
        await people.asker(house, "house.bell")
        other = await people.add(house, "Other", "agent")
        world.peer.hang_up = True
        report = await house.kernel.act(world.ask("house.bell", {"tone": "low"}, talent=ASKER))
        assert report.outcome is Outcome.IN_DOUBT
        for agent in (other, ASKER):
            with pytest.raises(FabricError) as refused:
                await house.kernel.close(report.action, Outcome.FAILED, agent, "trust me")
            assert refused.value.code is Code.DENIED
        assert house.log.facts.get("open", report.action) is not None
        await house.kernel.close(report.action, Outcome.DONE, OPERATOR, "heard it")
        assert house.log.facts.get("open", report.action) is None
