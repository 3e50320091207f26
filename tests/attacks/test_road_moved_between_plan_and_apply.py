"""State, address or authority that moves between plan and apply: what was looked at is what happens, or nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from infrafabric.kernel.errors import Code
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


async def test_the_state_moved_since_the_plan_was_looked_at(world: World) -> None:
    async with world.opened() as house:
        looked_at = await house.kernel.act(world.lamps("plan", hall=True, porch=False))
        world.peer.lamps["porch"] = True
        report = await house.kernel.act(
            world.ask("house.lamps", {"lamps": {"hall": True, "porch": False}}, expect=looked_at.changes_digest)
        )
    assert report.outcome is Outcome.REFUSED
    assert report.error is not None and report.error.code is Code.PLAN_STALE
    assert world.peer.writes == []


async def test_the_address_moved_since_the_plan_was_looked_at(world: World) -> None:
    async with world.opened() as house:
        looked_at = await house.kernel.act(world.lamps("plan", hall=True))
        target = house.authority.target("house@home")
        moved = target.model_copy(update={"settings": {"HOUSE_PORT": "9"}})
        await house.record(house.operator("0" * 31 + "1").target(moved, "test"))
        report = await house.kernel.act(
            world.ask("house.lamps", {"lamps": {"hall": True}}, expect=looked_at.changes_digest)
        )
    assert report.error is not None and report.outcome is Outcome.REFUSED
    assert world.peer.writes == []


async def test_the_state_moved_while_the_plan_waited(world: World) -> None:
    """A plan that is not fresh any more is made again, with the same seed, and must come out the same."""
    (world.home.root / "infrafabric.toml").write_text("[actions]\nplan_fresh_s = 0\n")

    def another_hand(action: str, station: Station) -> None:
        if station is Station.DECIDED:
            world.peer.lamps["porch"] = True

    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True, porch=True), another_hand)
        assert report.error is not None and report.error.code is Code.PLAN_STALE
        assert world.peer.writes == []
        undisturbed = await house.kernel.act(world.lamps(hall=True))
    assert undisturbed.outcome is Outcome.CONVERGED


async def test_the_target_was_changed_after_the_decision(world: World) -> None:
    async with world.opened() as house:
        changed: list[asyncio.Task[None]] = []

        def moves(action: str, station: Station) -> None:
            if station is Station.PLANNED:
                changed.append(asyncio.ensure_future(world.move(house, 9)))

        report = await house.kernel.act(world.lamps(hall=True), moves)
        await changed[0]
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code in (Code.AUTHORITY_CHANGED, Code.PLAN_STALE)
    assert world.peer.writes == []
