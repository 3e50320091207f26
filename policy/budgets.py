"""Budgets: what talents, capabilities and tenants may spend in a day or a month (UTC).

A budget is the operator's signed record; what was used of it is counted from the facts `spent`, which are a fold of the
log. So a restart frees nothing, and a budget that is changed within its period keeps what was used. What an action sets
aside counts until the action is closed, for however long it is in doubt, and in the period in which it was set aside.
A clock that was set back frees nothing: the ledger's never runs before the log's last entry, and the log refuses it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts, Reserved
from infrafabric.kernel.words.policy import Budget, Spending, Unit
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.amounts import shown
from infrafabric.policy.spending import (
    Account,
    Spent,
    Whose,
    accounts,
    amounts,
    period_of,
    resets_at,
    spent_rows,
    summed,
)

__all__ = ["Ledger", "Standing"]

WARN_PERCENT = 80
_MONTHS = 2
"""Months whose sums are kept: the present one, and the one before for what is still open from it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in its present period, in its unit."""

    budget: Budget
    used: int
    """Spent by actions that are closed."""
    reserved: int
    """Set aside by actions that are not."""
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(0, self.budget.limit - self.used - self.reserved)

    @property
    def percent(self) -> int:
        """Of the limit, used and set aside together, rounded down; 100 for a budget of 0."""
        taken = self.used + self.reserved
        return taken * 100 // self.budget.limit if self.budget.limit else 100


class Ledger:
    """Implements the kernel's port `Budgets`. For one event loop: nothing is awaited between looking and setting aside.

    What was spent is read from the log when the first budget of a month is asked about, and counted along from then on.
    """

    def __init__(
        self,
        facts: Facts,
        believed: Facts,
        *,
        clock: Callable[[], datetime],
        warn_percent: int = WARN_PERCENT,
    ) -> None:
        """`facts` are the log's, `believed` the same as `Authority` reads them: signed records only.

        `clock` gives the time in UTC, never before the log's last entry.
        """
        self._facts = facts
        self._believed = believed
        self._warn_percent = warn_percent
        self._clock = clock
        self._held: dict[str, Spent] = {}
        """What actions of this process set aside and have not settled."""
        self._months: dict[str, dict[Account, int]] = {}
        self._former: dict[str, Spent] = {}
        """What actions of former processes had set aside and not settled when a month was read."""
        self._read: dict[str, tuple[bytes, Budget]] = {}

    def reserve(self, talent: Talent, capability: str, target: Target, action: str, wanted: Spending) -> Reserved:
        """Set `wanted` aside in every budget that it falls under, at once or not at all. See the port.

        Money is held against budgets of its own currency. Where a subject has money budgets in other currencies only,
        it may not spend at all: whoever limits dollars did not mean that euros are free.
        """
        if action in self._held:
            raise ValueError(f"{action} has set something aside already")
        now = self._clock()
        spending = wanted.model_copy(update={"day": period_of("day", now)})
        spent = Spent.of(action, Whose(talent.id, talent.tenant, capability), target.name, spending)
        budgets = self._budgets(spent.whose)
        warnings = self._check(budgets, spent, now) if budgets else ()
        self._release(self._former, action)
        self._held[action] = spent
        self._count(spent, 1)
        return Reserved(spending, tuple(warnings))

    def settle(self, action: str, spent: Spending) -> None:
        """Take what was spent for what was reserved; what is left of it is free. Never raises."""
        held = self._release(self._held, action) or self._release(self._former, action)
        if held is not None:
            self._count(Spent.of(action, held.whose, held.target, spent, settled=True)._replace(day=held.day), 1)

    def doubted(self) -> list[str]:
        """Keys of the budgets that no present operator signed: what falls under them is refused."""
        return [key for key, _ in self._facts.scan("budget") if self._believed.get("budget", key) is None]

    def standings(self) -> list[Standing]:
        """How every budget stands now, in order of their keys; only those that a present operator signed."""
        now = self._clock()
        rows = list(spent_rows(self._facts, period_of("month", now), recognise=True))
        used, reserved = summed(row for row in rows if row.settled), summed(row for row in rows if not row.settled)
        found = []
        for _, content in self._believed.scan("budget"):
            budget = Budget.model_validate(content)
            account = _account(budget, now)
            taken = Standing(budget, used.get(account, 0), reserved.get(account, 0), resets_at(budget, now))
            found.append(taken)
        return found

    def _budgets(self, whose: Whose) -> list[Budget]:
        """The budgets that the spending falls under, whatever their unit. Raises IF_ERR_BUDGET_INVALID."""
        found = []
        for subject in whose.subjects:
            for key, _ in self._facts.scan("budget", f"{subject} "):
                budget = self._budget(key)
                if budget.tenant == whose.tenant:
                    found.append(budget)
        return found

    def _budget(self, key: str) -> Budget:
        """The budget under a key. One that nobody vouches for is not as good as none: it limited something."""
        content = self._believed.get("budget", key)
        if content is None:
            raise FabricError(Code.BUDGET_INVALID, f"no operator whom the trust set names signed the budget {key}")
        stored = self._facts.stored("budget", key) or b""
        kept = self._read.get(key)
        if kept is None or kept[0] != stored:
            kept = self._read[key] = (stored, Budget.model_validate(content))
        return kept[1]

    def _check(self, budgets: Sequence[Budget], wanted: Spent, now: datetime) -> list[str]:
        """What runs low with `wanted` taken. Raises IF_ERR_BUDGET_EXCEEDED, the one to wait longest for."""
        sums = self._sums(now)
        refusals: list[FabricError] = []
        warnings = []
        for unit, currency, amount in amounts(wanted):
            if unit is Unit.MONEY:
                _check_currency(budgets, currency, amount)
            for budget in budgets:
                if (budget.unit, budget.currency) != (unit, currency):
                    continue
                used = sums.get(_account(budget, now), 0)
                taken = used + amount
                if taken > budget.limit:
                    refusals.append(_refusal(budget, used, amount, now))
                elif taken * 100 >= budget.limit * self._warn_percent:
                    percent = taken * 100 // budget.limit
                    of = f"{shown(taken, unit, currency)} of {shown(budget.limit, unit, currency)}"
                    warnings.append(f"budget {_name(budget)}: {of} used with this action ({percent} %)")
        if refusals:
            raise max(refusals, key=lambda error: float("inf") if error.retry_after is None else error.retry_after)
        return warnings

    def _release(self, among: dict[str, Spent], action: str) -> Spent | None:
        """What the action had set aside, which no longer counts."""
        held = among.pop(action, None)
        if held is not None:
            self._count(held, -1)
        return held

    def _count(self, spent: Spent, sign: int) -> None:
        sums = self._months.get(spent.day[:7])
        if sums is not None:
            for account, amount in accounts(spent):
                sums[account] = sums.get(account, 0) + sign * amount

    def _sums(self, now: datetime) -> dict[Account, int]:
        """What was taken of every account in the month: what the log says, and what this process set aside."""
        month = period_of("month", now)
        sums = self._months.get(month)
        if sums is None:
            while len(self._months) >= _MONTHS:
                del self._months[min(self._months)]
            held = (row for row in self._held.values() if row.day[:7] == month)
            sums = self._months[month] = summed(chain(self._recorded(month), held))
        return sums

    def _recorded(self, month: str) -> Iterator[Spent]:
        for row in spent_rows(self._facts, month, recognise=True):
            if row.action not in self._held:
                if not row.settled:
                    self._former[row.action] = row
                yield row


def _account(budget: Budget, now: datetime) -> Account:
    return budget.subject, budget.tenant, budget.unit, budget.currency, period_of(budget.period, now)


def _name(budget: Budget) -> str:
    return f"{budget.subject} per {budget.period}"


def _check_currency(budgets: Sequence[Budget], currency: str, amount: int) -> None:
    limited: dict[str, set[str]] = defaultdict(set)
    for budget in budgets:
        if budget.unit is Unit.MONEY:
            limited[budget.subject].add(budget.currency)
    for subject, currencies in limited.items():
        if currency not in currencies:
            cost, others = shown(amount, Unit.MONEY, currency), ", ".join(sorted(currencies))
            raise FabricError(
                Code.BUDGET_EXCEEDED,
                f"the action costs {cost}, and {subject} has budgets in {others} only",
                remedy=f"An operator sets one for {currency}: `ifctl budget set --subject … --unit money "
                f'--currency {currency} --per … --limit … --why "…"`.',
            )


def _refusal(budget: Budget, used: int, asked: int, now: datetime) -> FabricError:
    def said(amount: int) -> str:
        return shown(amount, budget.unit, budget.currency)

    message = (
        f"the budget {_name(budget)} has a limit of {said(budget.limit)}; "
        f"used or set aside: {said(used)}, asked for: {said(asked)}"
    )
    if asked > budget.limit:
        remedy = "It never fits in this budget: ask for less, or an operator raises it: `ifctl budget set`."
        return FabricError(Code.BUDGET_EXCEEDED, message, remedy=remedy)
    wait = (resets_at(budget, now) - now).total_seconds()
    return FabricError(Code.BUDGET_EXCEEDED, message, retry_after=wait)
