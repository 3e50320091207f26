"""Undo of an action that was partly applied: exactly the changes that were observed, in reverse, from what is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

PORCH_FIRST = {"porch": True, "hall": True, "attic": True}
WHY = "back to what was"


async def cut_after(world: World, house: House, writes: int) -> Report:
    """Apply to three lamps, named in no order, and cancel after so many writes."""
    seen = 0

    def watch(action: str, station: Station) -> None:
        nonlocal seen
        seen += station is Station.OBSERVED
        if seen == writes and station is Station.OBSERVED:
            house.kernel.halt(action, OPERATOR, "far enough")

    return await house.kernel.act(world.lamps(**PORCH_FIRST), watch)


@pytest.mark.parametrize("writes", [1, 2])
async def test_the_changes_that_were_made_are_taken_back_in_reverse(world: World, writes: int) -> None:
    async with world.opened() as house:
        report = await cut_after(world, house, writes)
        assert report.outcome is Outcome.FAILED
        made = list(world.peer.writes)
        assert len(made) == writes
        undone = await house.kernel.undo(report.action, OPERATOR, WHY)
        assert undone.outcome is Outcome.UNDONE, undone.error
        assert world.peer.writes[writes:] == list(reversed(made))
        assert not any(world.peer.lamps.values())
        with pytest.raises(FabricError) as twice:
            await house.kernel.undo(report.action, OPERATOR, WHY)
        assert twice.value.code is Code.UNDO_IMPOSSIBLE


async def test_what_was_never_sent_is_not_taken_back(world: World) -> None:
    async with world.opened() as house:
        report = await cut_after(world, house, 1)
        left = report.remains
        assert left is not None and len(left.changes) == 2
        undone = await house.kernel.undo(report.action, OPERATOR, WHY)
        assert undone.plan is not None and len(undone.plan.changes) == 1
        assert (
            undone.plan.changes[0].after == History.of(report.action, house.log.entries(report.action)).done[0].before
        )


async def test_another_hand_since_is_not_overwritten(world: World) -> None:
    async with world.opened() as house:
        report = await cut_after(world, house, 2)
        touched = world.peer.writes[0].rpartition("/")[2]
        world.peer.lamps[touched] = False
        undone = await house.kernel.undo(report.action, OPERATOR, WHY)
        assert undone.error is not None and undone.error.code is Code.UNDO_MOVED
        assert len(world.peer.writes) == 2


async def test_a_failed_write_in_the_middle_leaves_the_others_to_take_back(world: World) -> None:
    async with world.opened() as house:

        def watch(action: str, station: Station) -> None:
            if station is Station.OBSERVED:
                world.peer.refuses = 403

        report = await house.kernel.act(world.lamps(**PORCH_FIRST), watch)
        assert report.outcome is Outcome.FAILED and len(world.peer.writes) == 2
        world.peer.refuses = 0
        undone = await house.kernel.undo(report.action, OPERATOR, WHY)
        assert undone.outcome is Outcome.UNDONE, undone.error
        assert world.peer.writes[2:] == [world.peer.writes[0]], "the refused write was not made, so it is not undone"


async def test_the_undo_is_planned_and_replayed_in_the_order_of_the_record(world: World) -> None:
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(**PORCH_FIRST))
        assert report.outcome is Outcome.CONVERGED
        replayed = await house.kernel.replay(report.action)
        assert replayed.changes_digest == report.changes_digest
        assert (await house.kernel.undo(report.action, OPERATOR, WHY)).outcome is Outcome.UNDONE


async def test_a_change_without_an_inverse_is_not_undone_by_halves(attackers: Attackers) -> None:
    plans = """
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        present = (await host.read("state")).json()["lamps"]
        back = Call("switch", {"lamp": "hall", "on": False})
        changes = [self.on("hall", inverse=back), self.on("porch")]
        return Plan([one for one in changes if not present[one.args["lamp"]]])
    """
    world = attackers.world
    async with world.opened() as house:
        name = await attackers.install(house, plans)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        assert report.outcome is Outcome.CONVERGED
        with pytest.raises(FabricError) as refused:
            await house.kernel.undo(report.action, OPERATOR, WHY)
        assert refused.value.code is Code.UNDO_IMPOSSIBLE and "change-2" in refused.value.message
