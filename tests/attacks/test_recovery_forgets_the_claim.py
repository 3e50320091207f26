"""Recovery asks the guard what the road asked it: with the claim, and the confidence that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from people import ASKER, People

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


async def test_what_people_had_to_agree_to_is_not_sent_again_by_itself(world: World) -> None:
    people = People()
    async with world.opened() as house:
        await people.asker(house, "house.chime")
        doubted = house.authority.talent(ASKER).model_copy(update={"confidence_required": True})
        await house.record(house.operator(new_trace_id()).talent(doubted, "test"))
        ann = await people.add(house, "Ann")
        waits = await house.kernel.act(world.ask("house.chime", {"tone": "low"}, talent=ASKER))
        assert waits.outcome is Outcome.WAITING
        world.peer.hang_up = True
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        assert report.outcome is Outcome.IN_DOUBT
    world.peer.hang_up = False
    async with world.opened() as house:
        assert house.log.facts.get("open", waits.action) is not None
        assert any("today's grants answer" in warning for warning in house.warnings), OPERATOR
    assert len(world.peer.writes) == 1
