"""Erasing what actions did gives no budget back, and what limits cannot be erased while it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.policy.budgets import Ledger
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

SUBJECTS = [f"talent:{OPERATOR}", f"capability:{capability_id('house.lamps')}", "tenant:default"]


def limited(subject: str) -> Budget:
    return Budget(subject=subject, unit=Unit.REQUESTS, period="month", limit=1)


async def refused(world: World, house: House, subject: str) -> None:
    report = await house.kernel.act(world.lamps(porch=True))
    assert report.error is not None and report.error.code is Code.BUDGET_EXCEEDED
    assert subject in report.error.message
    (standing,) = Ledger(house.log.facts, house.authority, clock=house.clock).standings()
    assert (standing.used, standing.reserved) == (1, 0)


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_what_was_spent_counts_on(world: World, subject: str) -> None:
    async with world.opened() as house:
        await house.record(house.operator(new_trace_id()).budget(limited(subject), "test"))
        done = await house.kernel.act(world.lamps(hall=True))
        assert done.outcome is Outcome.CONVERGED
        for found in house.log.find(Query(action=done.action)):
            await house.log.erase(found.index, "asked for", OPERATOR)
        await refused(world, house, subject)
        rows = house.log.facts.scan("spent")
        assert len(rows) == 1 and OPERATOR not in str(rows), "whose it was is not to be read any more"
        await house.log.rebuild_facts()
        assert house.log.facts.scan("spent") == rows
        assert (await house.log.audit_all()).problem == ""
    async with world.opened() as house:
        await refused(world, house, subject)
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_budget_that_holds_is_not_erased(world: World) -> None:
    value = limited(SUBJECTS[0])
    async with world.opened("operating") as house:
        await house.record(house.operator(new_trace_id()).budget(value, "test"))
        (entry,) = house.log.find(Query(kind="budget.changed"))
        with pytest.raises(FabricError) as caught:
            await house.log.erase(entry.index, "in the way", OPERATOR)
        assert caught.value.code is Code.ERASE_REFUSED
        assert value.key in caught.value.message
        await house.record(house.operator(new_trace_id()).budget(value, "test", "removed"))
        await house.log.erase(entry.index, "no longer needed", OPERATOR)
