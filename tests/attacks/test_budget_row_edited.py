"""Someone raises a limit in the database under an open log: the budget is void, and void budgets refuse rather than to
stop limiting. (A log that is opened after such an edit is refused.)"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.policy.budgets import Ledger

if TYPE_CHECKING:
    from world import World


async def test_a_limit_that_nobody_signed_allows_nothing(world: World) -> None:
    value = Budget(subject=f"talent:{OPERATOR}", unit=Unit.REQUESTS, period="day", limit=1)
    async with world.opened() as house:
        await house.record(house.operator(new_trace_id()).budget(value, "test"))
        with closing(sqlite3.connect(world.home.log_file)) as database, database:
            edited = database.execute(
                "UPDATE fact SET value = CAST(replace(CAST(value AS TEXT), '\"limit\":1,', '\"limit\":9,') AS BLOB)"
                " WHERE table_name = 'budget'"
            )
            assert edited.rowcount == 1
        stored = house.log.facts.get("budget", value.key)
        assert stored is not None and stored["value"]["limit"] == 9
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.outcome is Outcome.REFUSED and report.error is not None
        assert report.error.code is Code.BUDGET_INVALID and value.key in report.error.message
        assert world.peer.writes == []
        ledger = Ledger(house.log.facts, house.authority, clock=house.clock)
        assert ledger.doubted() == [value.key] and ledger.standings() == []
        # Signed again it limits again.
        await house.record(house.operator(new_trace_id()).budget(value, "test"))
        assert (await house.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED
        over = await house.kernel.act(world.lamps(hall=False))
        assert over.error is not None and over.error.code is Code.BUDGET_EXCEEDED
