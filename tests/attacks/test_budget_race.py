"""Two hundred applies at once on a budget that covers twenty-five: never one more is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.policy.budgets import Ledger

if TYPE_CHECKING:
    from world import Attackers, World

AT_ONCE, COVERED = 200, 25
RINGS = """
async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
    return Plan([Change("ring", {"tone": intent["tone"]}, after={"tone": intent["tone"]})])
"""
PRICED = {
    "backoff: []}": 'backoff: [], concurrency: 40}\ncost: {currency: EUR, per_apply: "0.0004"}',
}
pytestmark = pytest.mark.timeout(120)


async def test_a_race_never_overdraws(world: World, attackers: Attackers) -> None:
    budget = Budget(
        subject=f"talent:{OPERATOR}", unit=Unit.MONEY, currency="EUR", period="month", limit=COVERED * 400 + 399
    )
    async with world.opened() as house:
        name = await attackers.install(house, RINGS, "bell.yaml", **PRICED)
        await house.record(house.operator(new_trace_id()).budget(budget, "test"))
        asks = [world.ask(name, {"tone": f"tone {number}"}) for number in range(AT_ONCE)]
        reports = await asyncio.gather(*(house.kernel.act(ask) for ask in asks))
        done = [report for report in reports if report.outcome is Outcome.DONE]
        refused = [report.error for report in reports if report.outcome is Outcome.REFUSED]
        assert len(done) == COVERED and len(refused) == AT_ONCE - COVERED
        assert len(world.peer.rings) == len(world.peer.writes) == COVERED
        assert {error.code for error in refused if error is not None} == {Code.BUDGET_EXCEEDED}
        (standing,) = Ledger(house.log.facts, house.authority, clock=house.clock).standings()
        assert (standing.used, standing.reserved) == (COVERED * 400, 0)
    async with world.opened() as house:
        again = await house.kernel.act(world.ask(name, {"tone": "after a restart"}))
        assert again.outcome is Outcome.REFUSED and again.error is not None
        assert again.error.code is Code.BUDGET_EXCEEDED
        assert "used or set aside: 0.01 EUR, asked for: 0.0004 EUR" in again.error.message
        assert (await house.log.audit_all()).problem == ""
    assert len(world.peer.rings) == COVERED
