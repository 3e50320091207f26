"""An adapter that does not say what it does: hazards that the operator declared of the target count all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome, Verdict
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

HAND = "if://agent/Hand"


async def declare(house: House, hazards: dict[str, tuple[str, ...]]) -> None:
    target = house.authority.target("house@home")
    await house.record(
        house.operator(new_trace_id()).target(target.model_copy(update={"hazards": hazards}), "it is a stage")
    )


async def an_agent(house: House) -> None:
    operator = house.operator(new_trace_id())
    grant = Grant(talent=HAND, capability=capability_id("house.lamps"), target="house@home")
    await house.record(operator.talent(Talent(id=HAND), "test"), operator.grant(grant, "test"))


@pytest.mark.parametrize("effect", ["switch", "any"])
async def test_a_declared_hazard_stops_an_agent(world: World, effect: str) -> None:
    async with world.opened() as house:
        await an_agent(house)
        free = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=HAND))
        assert free.outcome is Outcome.CONVERGED
        writes = list(world.peer.writes)
        await declare(house, {effect: ("live-output",)})
        stopped = await house.kernel.act(world.ask("house.lamps", {"lamps": {"porch": True}}, talent=HAND))
    assert stopped.outcome is Outcome.WAITING
    assert stopped.hazards == ("live-output",)
    assert stopped.decision is not None and stopped.decision.rules == ("live-output",)
    assert world.peer.writes == writes


async def test_a_hazard_that_overrides_stops_a_person_too(world: World) -> None:
    async with world.opened() as house:
        await declare(house, {"any": ("safety",)})
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.WAITING
    assert report.decision is not None and report.decision.verdict is Verdict.ESCALATE
    assert report.decision.rules == ("routing/hazard-override",)
    assert world.peer.writes == []


async def test_what_is_declared_of_another_effect_changes_nothing(world: World) -> None:
    async with world.opened() as house:
        await declare(house, {"ring": ("safety",)})
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.CONVERGED
    assert report.hazards == ()
