"""What actions cost: sums over the facts of what was spent and what was decided. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from infrafabric.kernel.ports import Facts
from infrafabric.policy.spending import Spent, spent_rows

__all__ = ["By", "Costs", "sum_costs"]

By = Literal["capability", "talent", "target", "tenant", "day"]


@dataclass(slots=True)
class Costs:
    """What the actions of one group cost. Money is in millionths, by currency."""

    group: str
    actions: int = 0
    """That wrote something."""
    writes: int = 0
    tokens: int = 0
    money: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reserved: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Set aside by actions that are not closed: it may yet be spent."""
    decisions: int = 0
    """Verdicts on plans, also on those that only looked or were not allowed."""

    def add(self, spent: Spent) -> None:
        if not spent.settled:
            if spent.money:
                self.reserved[spent.currency] += spent.money
            return
        self.actions += spent.requests > 0
        self.writes += spent.requests
        self.tokens += spent.tokens
        if spent.money:
            self.money[spent.currency] += spent.money

    def per_decision(self) -> dict[str, int]:
        """Money a decision, in millionths by currency, rounded half up; nothing where nothing was decided."""
        if not self.decisions:
            return {}
        return {name: (2 * amount + self.decisions) // (2 * self.decisions) for name, amount in self.money.items()}


def sum_costs(facts: Facts, by: By, since: date, until: date, tenant: str | None = None) -> Sequence[Costs]:
    """The sums of the days `since` to `until` (UTC, both counted), by group in order of its name; of one tenant alone
    where it is named.

    Spending counts on the day on which it was set aside, as it does in budgets.
    """
    first, last = since.isoformat(), until.isoformat()
    groups: dict[str, Costs] = {}

    def group(name: str) -> Costs:
        return groups.setdefault(name, Costs(name))

    for month in _months(since, until):
        for spent in spent_rows(facts, month):
            if tenant not in (None, spent.whose.tenant):
                continue
            if first <= spent.day <= last and (spent.requests or not spent.settled):
                group(_group(by, spent.day, {**spent.whose._asdict(), "target": spent.target})).add(spent)
        for key, value in facts.scan("decided", f"{month}-"):
            if first <= key[:10] <= last and tenant in (None, value["tenant"]):
                group(_group(by, key[:10], value)).decisions += 1
    return [groups[name] for name in sorted(groups)]


def _group(by: By, day: str, names: Mapping[str, str]) -> str:
    return day if by == "day" else names[by]


def _months(since: date, until: date) -> Iterator[str]:
    year, month = since.year, since.month
    while (year, month) <= (until.year, until.month):
        yield f"{year:04d}-{month:02d}"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
