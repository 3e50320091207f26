"""Whatever comes in whatever order: no budget is ever overdrawn, and a restart finds the same sums in the log."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from ledger_bench import AGENT, CAPABILITY, LedgerBench

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import ActionClosed, ActionDecided, ActionRefused
from infrafabric.kernel.words.policy import Budget, Spending, Unit
from infrafabric.kernel.words.things import Talent

OTHER = "if://agent/Other"
TALENTS = [Talent(id=AGENT), Talent(id=OTHER)]
CAPABILITIES = [CAPABILITY, "if://capability/mail.read"]
SUBJECTS = [f"talent:{AGENT}", f"capability:{CAPABILITY}", "tenant:default"]
PERIODS: list[Literal["day", "month"]] = ["day", "month"]
UNITS = [(Unit.REQUESTS, ""), (Unit.MONEY, "USD"), (Unit.MONEY, "EUR"), (Unit.TOKENS, "")]
few = st.integers(0, 6)


@st.composite
def spendings(draw: st.DrawFn) -> Spending:
    money = draw(few)
    currency = draw(st.sampled_from(["USD", "EUR"])) if money else ""
    return Spending(requests=draw(few), money=money, currency=currency, tokens=draw(few))


class Interleaving(RuleBasedStateMachine):
    """`bench.entries` is the log; `model` counts from it alone, in another way than the ledger does."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = LedgerBench("2026-11-28T12:00:00+00:00")
        self.budgets: dict[str, Budget] = {}
        self.open: dict[str, tuple[Talent, str]] = {}

    @rule(
        subject=st.sampled_from(SUBJECTS),
        unit=st.sampled_from(UNITS),
        period=st.sampled_from(PERIODS),
        limit=st.integers(0, 20),
    )
    def set_a_budget(self, subject: str, unit: tuple[Unit, str], period: Literal["day", "month"], limit: int) -> None:
        value = self.bench.budget(limit, subject=subject, unit=unit[0], currency=unit[1], period=period)
        self.budgets[value.key] = value

    @rule(wanted=spendings(), talent=st.sampled_from(TALENTS), capability=st.sampled_from(CAPABILITIES))
    def reserve(self, wanted: Spending, talent: Talent, capability: str) -> None:
        fits = self.fits(wanted, talent, capability)
        try:
            action = self.bench.reserve(wanted, talent=talent, capability=capability)
        except FabricError as error:
            assert error.code is Code.BUDGET_EXCEEDED
            assert not fits
        else:
            assert fits
            self.open[action] = (talent, capability)

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if self.open:
            action = data.draw(st.sampled_from(list(self.open)))
            talent, capability = self.open.pop(action)
            held = self.bench.reserved[action]
            spent = held.after(data.draw(st.integers(0, held.requests)))
            self.bench.close(action, spent, talent=talent, capability=capability)

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        if self.open:
            action = data.draw(st.sampled_from(list(self.open)))
            talent, _ = self.open.pop(action)
            self.bench.refuse(action, talent=talent)

    @rule()
    def restart(self) -> None:
        self.bench.restarted()

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.bench.now += timedelta(hours=hours)

    @rule()
    def the_ledger_counts_along_as_the_log_does(self) -> None:
        ledger, now = self.bench.ledger, self.bench.now
        sums = ledger._sums(now)
        for budget in self.budgets.values():
            period = now.date().isoformat()[: 10 if budget.period == "day" else 7]
            account = (budget.subject, budget.tenant, budget.unit, budget.currency, period)
            assert sums.get(account, 0) == self.taken(budget)

    @invariant()
    def the_ledger_says_what_the_log_adds_up_to(self) -> None:
        for standing in self.bench.ledger.standings():
            assert standing.used + standing.reserved == self.taken(standing.budget)

    def fits(self, wanted: Spending, talent: Talent, capability: str) -> bool:
        """Whether the wanted spending is within every budget, by the log alone."""
        mine = [budget for budget in self.budgets.values() if _falls(talent.id, capability, budget)]
        for budget in mine:
            amount = _amount(wanted, budget)
            if amount and self.taken(budget) + amount > budget.limit:
                return False
        limited = {budget.subject for budget in mine if budget.unit is Unit.MONEY}
        covered = {budget.subject for budget in mine if budget.currency == wanted.currency and budget.currency}
        return not wanted.money or limited <= covered

    def taken(self, budget: Budget) -> int:
        """The fold of the entries: what each action spent, or else what it set aside."""
        found: dict[str, tuple[str, str, Spending]] = {}
        for entry in self.bench.entries:
            body = entry.body
            if isinstance(body, ActionDecided) and body.reserved is not None:
                found[entry.action] = (body.talent, body.capability, body.reserved)
            elif isinstance(body, ActionClosed) and body.spent is not None:
                found[entry.action] = (body.talent, body.capability, body.spent)
            elif isinstance(body, ActionRefused):
                found.pop(entry.action, None)
        length = 10 if budget.period == "day" else 7
        now = self.bench.now.astimezone(UTC).date().isoformat()[:length]
        return sum(
            _amount(spending, budget)
            for talent, capability, spending in found.values()
            if spending.day[:length] == now and _falls(talent, capability, budget)
        )


def _falls(talent: str, capability: str, budget: Budget) -> bool:
    return budget.subject in (f"talent:{talent}", f"capability:{capability}", "tenant:default")


def _amount(spending: Spending, budget: Budget) -> int:
    match budget.unit:
        case Unit.REQUESTS:
            return spending.requests
        case Unit.TOKENS:
            return spending.tokens
        case Unit.MONEY:
            return spending.money if spending.currency == budget.currency else 0


Interleaving.TestCase.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestInterleaving = Interleaving.TestCase
