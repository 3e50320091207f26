"""An approval that was signed for one plan is handed in for another: it answers another question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, HALL, People, asked, kinds

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from world import World


async def test_an_approval_for_another_plan(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        harmless = await house.kernel.act(world.ask("house.lamps", {"lamps": {"porch": True}}, talent=ASKER))
        harmful = await house.kernel.act(world.ask(*HALL, talent=ASKER))
        given = people.agrees(house, harmless, ann)
        with pytest.raises(FabricError) as whole:
            await house.kernel.approve(harmful.action, given)
        other = asked(house, harmful.action)
        renamed = given.model_copy(update={"nonce": other.pending.nonce, "context_digest": other.context_digest})
        with pytest.raises(FabricError, match="signature") as dressed_up:
            await house.kernel.approve(harmful.action, renamed)
        assert kinds(house, harmful.action)[-1] == "action.decided", "nothing was recorded"
    assert {whole.value.code, dressed_up.value.code} == {Code.APPROVAL_INVALID}
    assert world.peer.writes == []


async def test_a_refusal_is_no_approval(world: World) -> None:
    """The verdict is signed: a signature that says DENY cannot be handed in as one that agrees."""
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        no = people.objects(house, waits, ann)
        turned = people.agrees(house, waits, ann).model_copy(update={"signature": no.signature})
        with pytest.raises(FabricError, match="signature"):
            await house.kernel.approve(waits.action, turned)
    assert world.peer.writes == []
