"""What an action sets aside and spends, as its entries say it: cost and tokens of the plan, writes that were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code
from infrafabric.kernel.history import History
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Spending, Unit

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

PLANS = """
async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
    costs = {"none": None, "dearer": {"currency": "EUR", "per_apply": "0.05", "tokens": 900},
             "cheaper": {"currency": "EUR", "per_apply": "0.001", "tokens": 2},
             "other": {"currency": "USD", "per_apply": "99"},
             "endless": {"currency": "EUR", "per_apply": "999999999999"}}
    ring = Change("ring", {"tone": intent["tone"]}, after={"tone": intent["tone"]})
    return Plan([ring], cost=costs[intent["tone"]])
"""
PRICED = {"limits:": 'cost: {currency: EUR, per_apply: "0.01", tokens: 40}\nlimits:'}


def told(house: House, report: Report) -> tuple[Spending | None, Spending | None]:
    """What was set aside and what was spent."""
    history = History.of(report.action, house.log.entries(report.action))
    assert history.decided is not None
    ended = history.closed or history.refused
    assert ended is not None
    return history.decided.reserved, ended.spent


async def test_a_plan_may_cost_more_than_its_manifest_says_and_never_less(world: World, attackers: Attackers) -> None:
    wanted: dict[str, tuple[int, int]] = {
        "none": (10_000, 40), "dearer": (50_000, 900), "cheaper": (10_000, 40), "other": (10_000, 40),
    }  # fmt: skip
    async with world.opened() as house:
        name = await attackers.install(house, PLANS, "bell.yaml", **PRICED)
        for tone, (money, tokens) in wanted.items():
            report = await house.kernel.act(world.ask(name, {"tone": tone}))
            assert report.outcome is Outcome.DONE
            reserved, spent = told(house, report)
            assert reserved is not None and reserved == spent
            today = house.clock().date().isoformat()
            assert spent == Spending(requests=1, money=money, currency="EUR", tokens=tokens, day=today)
        endless = await house.kernel.act(world.ask(name, {"tone": "endless"}))
        assert endless.error is not None and endless.error.code is Code.COST_TOO_LARGE
        for purpose in ("plan", "dry_run"):
            looked = await house.kernel.act(world.ask(name, {"tone": "none"}, purpose))
            assert told(house, looked) == (None, None)
        assert len(house.log.facts.scan("spent")) == len(wanted) == len(world.peer.writes)


async def test_what_was_not_sent_was_not_spent(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.lamps(hall=True, porch=True))
        assert told(house, done)[1] == told(house, done)[0]
        nothing = await house.kernel.act(world.lamps(hall=True))
        assert nothing.outcome is Outcome.CONVERGED and told(house, nothing) == (None, None)
        await world.move(house, 1)
        lost = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        assert lost.outcome in (Outcome.REFUSED, Outcome.FAILED)
        reserved, spent = told(house, lost)
        assert reserved is not None and spent is not None
        assert (reserved.requests, spent.requests) == (1, 0)
        (row,) = [value for key, value in house.log.facts.scan("spent") if key.endswith(done.action)]
        assert row["requests"] == 2 and row["settled"]
        assert not any(value["requests"] for key, value in house.log.facts.scan("spent") if key.endswith(lost.action))


async def test_a_refusal_for_a_budget_says_when_in_answer_and_entry(world: World) -> None:
    async with world.opened() as house:
        value = Budget(subject=f"talent:{OPERATOR}", unit=Unit.REQUESTS, period="day", limit=1)
        await house.record(house.operator(new_trace_id()).budget(value, "test"))
        first = await house.kernel.act(world.lamps(hall=True))
        assert first.warnings and "1 request of 1 request used" in first.warnings[0]
        second = await house.kernel.act(world.lamps(porch=True))
        assert second.outcome is Outcome.REFUSED and second.error is not None
        assert second.error.retry_after is not None and 0 < second.error.retry_after <= 86_400
        history = History.of(second.action, house.log.entries(second.action))
        assert history.refused is not None and history.refused.retry is not None
        assert history.refused.retry.cause == Code.BUDGET_EXCEEDED.value
        # The error was made a few milliseconds before the entry; so much after midnight is what the entry says.
        assert history.refused.retry.next_at[11:].startswith("00:00:0")
        never: dict[str, Any] = {"hall": False, "porch": True}
        third = await house.kernel.act(world.lamps(**never))
        assert third.error is not None and third.error.retry_after is None
        assert "never fits" in third.error.remedy
