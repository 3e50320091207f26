"""What budgets cost an action: setting aside and settling, in microseconds, over a real home's log.

`none` without any budget; `six` with six that the action falls under (talent, capability and tenant, by day and month);
`two_hundred` with 194 more of other subjects. `first_ms` is the first reservation of a kernel in a month that has
20,000 recorded actions already: it reads them.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from bench_house import CAPABILITY, NOBODY, bench_home, target_name

from infrafabric.control.house import House, open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import ActionClosed, Kind
from infrafabric.kernel.words.names import new_action_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Spending, Unit
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.budgets import Ledger

ROUNDS, RECORDED, BATCH = 2_000, 20_000, 500
MUCH = 10**12
TALENT, TARGET = Talent(id=OPERATOR), Target(name=target_name(0))
WANTED = Spending(requests=2, money=400, currency="USD")
PERIODS: tuple[Literal["day", "month"], ...] = ("day", "month")


def measured(ledger: Ledger) -> dict[str, float]:
    actions = [new_action_id() for _ in range(ROUNDS)]
    reserving, settling = [], []
    for action in actions:
        began = time.perf_counter()
        ledger.reserve(TALENT, CAPABILITY, TARGET, action, WANTED)
        held = time.perf_counter()
        ledger.settle(action, WANTED)
        settling.append(time.perf_counter() - held)
        reserving.append(held - began)
    return {
        "reserve_p50_us": round(statistics.median(reserving) * 1e6, 1),
        "reserve_p99_us": round(statistics.quantiles(reserving, n=100)[98] * 1e6, 1),
        "settle_p50_us": round(statistics.median(settling) * 1e6, 1),
    }


async def budgets(house: House, subjects: list[str]) -> None:
    operator = house.operator(new_trace_id())
    values = [
        Budget(subject=subject, unit=Unit.MONEY, currency="USD", period=period, limit=MUCH)
        for subject in subjects
        for period in PERIODS
    ]
    await house.record(*(operator.budget(value, "benchmark") for value in values))


async def recorded(house: House, day: str) -> None:
    """So many closed actions in the log, with what they spent."""
    spent = WANTED.model_copy(update={"day": day})
    body = ActionClosed(talent=OPERATOR, target=TARGET.name, capability=CAPABILITY, outcome=Outcome.DONE, spent=spent)
    for _ in range(RECORDED // BATCH):
        await house.log.append(*(Entry(Kind.ACTION_CLOSED, body, new_action_id(), OPERATOR) for _ in range(BATCH)))


def ledger(house: House) -> Ledger:
    return Ledger(house.log.facts, house.authority, clock=house.clock)


async def main() -> dict[str, Any]:
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = await bench_home(Path(folder) / "home", [1])
        async with open_house(home, "operating", passphrase=NOBODY) as house:
            results["none"] = measured(ledger(house))
            await budgets(house, [f"talent:{OPERATOR}", f"capability:{CAPABILITY}", "tenant:default"])
            results["six"] = measured(ledger(house))
            await budgets(house, [f"talent:if://agent/Number{number}" for number in range(97)])
            results["two_hundred"] = measured(ledger(house))
            await recorded(house, house.clock().strftime("%Y-%m-%d"))
            fresh = ledger(house)
            began = time.perf_counter()
            fresh.reserve(TALENT, CAPABILITY, TARGET, new_action_id(), WANTED)
            results["first_ms"] = round((time.perf_counter() - began) * 1e3, 1)
            results["recorded"] = measured(fresh)
    return results


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))
