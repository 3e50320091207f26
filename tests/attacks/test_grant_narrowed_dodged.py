"""A talent whose grant is narrowed to some intents tries to reach the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Purpose

AGENT = "if://person/Night"
HALL_ONLY = {"properties": {"lamps": {"properties": {"hall": {}}, "additionalProperties": False}}}


async def narrowed(house: House) -> None:
    operator = house.operator(new_trace_id())
    grant = Grant(talent=AGENT, capability=capability_id("house.lamps"), target="house@home", only=HALL_ONLY)
    await house.record(operator.talent(Talent(id=AGENT), "test"), operator.grant(grant, "the hall only"))


@pytest.mark.parametrize("purpose", ["plan", "dry_run", "apply"])
@pytest.mark.parametrize("lamps", [{"porch": True}, {"hall": True, "porch": True}, {"Hall": True}])
async def test_an_intent_beyond_the_grant_is_denied_and_reads_nothing(
    world: World, purpose: Purpose, lamps: dict[str, Any]
) -> None:
    async with world.opened() as house:
        await narrowed(house)
        report = await house.kernel.act(world.ask("house.lamps", {"lamps": lamps}, purpose, talent=AGENT))
    assert report.error is not None
    assert report.error.code is Code.DENIED
    assert "grants/only" in report.error.message
    assert (world.peer.reads, world.peer.writes) == ([], [])


async def test_it_may_take_back_its_own_act_and_not_anothers_beyond_its_grant(world: World) -> None:
    """An undo goes by the intent that it takes back: what a talent might ask for, it may take back."""
    async with world.opened() as house:
        await narrowed(house)
        own = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=AGENT))
        assert own.outcome is Outcome.CONVERGED, own.error
        others = await house.kernel.act(world.lamps(porch=True))
        assert others.outcome is Outcome.CONVERGED, others.error
        refused = await house.kernel.undo(others.action, AGENT, "nosy")
        assert refused.error is not None
        assert "grants/only" in refused.error.message
        undone = await house.kernel.undo(own.action, AGENT, "a mistake")
    assert undone.outcome is Outcome.UNDONE, undone.error
    assert world.peer.lamps == {"hall": False, "porch": True, "attic": False}


async def test_a_grant_that_is_narrowed_meanwhile_stops_what_it_no_longer_allows(world: World) -> None:
    async with world.opened() as house:
        looked = await house.kernel.act(world.lamps("plan", porch=True))
        grant = Grant(talent=OPERATOR, capability=capability_id("house.lamps"), target="house@home", only=HALL_ONLY)
        await house.record(house.operator(new_trace_id()).grant(grant, "the hall only"))
        ask = world.ask("house.lamps", {"lamps": {"porch": True}}, expect=looked.changes_digest)
        report = await house.kernel.act(ask)
    assert report.error is not None
    assert report.error.code is Code.DENIED
    assert world.peer.writes == []
