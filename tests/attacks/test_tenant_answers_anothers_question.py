"""A person of another tenant answers, refuses or cancels: nothing tells it that there is such an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, People, asked

from infrafabric.control.approver_key import agreement, objection
from infrafabric.control.cli.approvals_view import history_of
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


async def test_a_question_and_an_end_of_another_tenant_are_none(world: World) -> None:
    people = People()
    async with world.opened() as house:
        spy = await people.add(house, "Spy", tenant="south")
        ann = await people.add(house, "Ann")
        waits = await people.waiting(world, house)
        question = asked(house, waits.action)
        over = await house.kernel.act(world.ask("house.lamps", {"lamps": {"porch": True}}, "plan", talent=ASKER))
        assert over.outcome is Outcome.PLANNED
        said = set()
        for action in (waits.action, over.action, new_action_id()):
            for call in (
                house.kernel.approve(action, agreement(question, spy, people.keys[spy], "yes")),
                house.kernel.refuse(action, objection(question, spy, people.keys[spy], "no")),
                house.kernel.cancel(action, spy, "no"),
            ):
                with pytest.raises(FabricError) as refused:
                    await call
                assert refused.value.code is Code.ACTION_UNKNOWN
                said.add(refused.value.message.replace(action, "X"))
            with pytest.raises(FabricError) as shown:
                history_of(house, action, spy)
            said.add(shown.value.message.replace(action, "X"))
        assert len(said) == 1, said
        assert history_of(house, waits.action, OPERATOR).waiting
        done = await house.kernel.approve(waits.action, agreement(question, ann, people.keys[ann], "yes"))
    assert done.outcome is Outcome.CONVERGED
