"""A talent of one tenant reaches for what is another's: targets, actions, keys, grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.control.matching import HouseMatcher
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.matching import Task
from infrafabric.kernel.words.names import capability_id, new_action_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

SOUTH = Talent(id="if://person/South", tenant="south", groups=("crew",), roles=("operator",))
LAMPS = capability_id("house.lamps")


async def arrived(house: House) -> None:
    """A person of another tenant, whom an operator by mistake granted the lamps that are not its tenant's."""
    operator = house.operator(new_trace_id())
    grants = [
        Grant(talent=SOUTH.id, capability=LAMPS, target="house@home", tenant="south"),
        Grant(talent="group:crew", capability=LAMPS, target="house@home"),
    ]
    await house.record(operator.talent(SOUTH, "test"), *(operator.grant(grant, "test") for grant in grants))


async def test_a_target_of_another_tenant_is_one_that_is_not_there(world: World) -> None:
    async with world.opened() as house:
        await arrived(house)
        theirs = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=SOUTH.id))
        none = await house.kernel.act(
            world.ask("house.lamps", {"lamps": {"hall": True}}, talent=SOUTH.id, target="house@nowhere")
        )
        any_ = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=SOUTH.id, target=None))
    assert theirs.error is not None and none.error is not None and any_.error is not None
    assert {theirs.error.code, none.error.code, any_.error.code} == {Code.TARGET_UNKNOWN}
    assert theirs.error.message == none.error.message.replace("nowhere", "home")
    assert (world.peer.reads, world.peer.writes) == ([], [])


async def test_an_action_of_another_tenant_is_one_that_is_not_there(world: World) -> None:
    async with world.opened() as house:
        await arrived(house)
        done = await house.kernel.act(world.lamps(hall=True))
        assert done.outcome is Outcome.CONVERGED
        nowhere = new_action_id()
        said = []
        for action in (done.action, nowhere):
            with pytest.raises(FabricError) as undo:
                await house.kernel.undo(action, SOUTH.id, "reaching")
            with pytest.raises(FabricError) as close:
                await house.kernel.close(action, Outcome.DONE, SOUTH.id, "reaching")
            assert {undo.value.code, close.value.code} == {Code.ACTION_UNKNOWN}
            said.append((undo.value.message.replace(action, "X"), close.value.message.replace(action, "X")))
        assert said[0] == said[1], "nothing tells an action of another tenant from none"
        assert (await house.kernel.undo(done.action, OPERATOR, "its own")).outcome is Outcome.UNDONE


async def test_an_idempotency_key_answers_only_whom_it_is_of(world: World) -> None:
    async with world.opened() as house:
        await arrived(house)
        first = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, idempotency_key="k"))
        ask = world.ask("house.lamps", {"lamps": {"hall": True}}, talent=SOUTH.id, idempotency_key="k")
        theirs = await house.kernel.act(ask)
    assert theirs.action != first.action
    assert theirs.error is not None
    assert theirs.error.code is Code.TARGET_UNKNOWN
    assert theirs.plan is None


async def test_nobody_is_found_across_tenants(world: World) -> None:
    async with world.opened("operating") as house:
        await arrived(house)
        matcher = HouseMatcher(house)
        intent = {"lamps": {"hall": True}}
        assert not matcher.find(Task(intent, tenant="south")).fits
        found = matcher.find(Task(intent))
        assert [fit.talent for fit in found.fits] == [OPERATOR]
        assert all("south" not in one.talent.lower() for one in found.misfits)
