"""What was spent, from the log's facts, and what counts in which budget. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.entries import is_talent
from infrafabric.kernel.words.policy import Budget, Spending, Unit

__all__ = ["Account", "Spent", "Whose", "accounts", "amounts", "period_of", "resets_at", "spent_rows", "summed"]

Account = tuple[str, str, Unit, str, str]
"""Where spending counts: subject, tenant, unit, currency, period."""


class Whose(NamedTuple):
    """In whose budgets spending counts."""

    talent: str
    tenant: str
    capability: str

    @property
    def subjects(self) -> tuple[str, str, str]:
        """The subjects of budgets that it falls under. In all of them the tenant's own spending counts alone."""
        return f"talent:{self.talent}", f"capability:{self.capability}", f"tenant:{self.tenant}"


class Spent(NamedTuple):
    """What an action set aside or, once it is settled, spent; and whose that is."""

    action: str
    whose: Whose
    target: str
    settled: bool
    day: str
    requests: int
    money: int
    currency: str
    tokens: int

    @classmethod
    def of(cls, action: str, whose: Whose, target: str, spending: Spending, *, settled: bool = False) -> Spent:
        return cls(
            action,
            whose,
            target,
            settled,
            spending.day,
            spending.requests,
            spending.money,
            spending.currency,
            spending.tokens,
        )


def spent_rows(facts: Facts, month: str, *, recognise: bool = False) -> Iterator[Spent]:
    """The rows of a month (`2026-11`), in UTC. `recognise` finds out whose the erased ones were: they still count."""
    talents = [talent for talent, _ in facts.scan("talent")] if recognise else []
    for key, value in facts.scan("spent", f"{month}-"):
        day, _, action = key.partition(" ")
        talent = value["talent"]
        if talent.startswith("#"):
            talent = next((known for known in talents if is_talent(talent, known)), talent)
        yield Spent(
            action,
            Whose(talent, value["tenant"], value["capability"]),
            value["target"],
            value["settled"],
            day,
            value["requests"],
            value["money"],
            value["currency"],
            value["tokens"],
        )


def amounts(spent: Spent) -> Iterator[tuple[Unit, str, int]]:
    """Unit, currency and amount of what is not nothing."""
    if spent.requests:
        yield Unit.REQUESTS, "", spent.requests
    if spent.money:
        yield Unit.MONEY, spent.currency, spent.money
    if spent.tokens:
        yield Unit.TOKENS, "", spent.tokens


def accounts(spent: Spent) -> Iterator[tuple[Account, int]]:
    """Where the spending counts, and how much."""
    for subject in spent.whose.subjects:
        for unit, currency, amount in amounts(spent):
            for period in (spent.day, spent.day[:7]):
                yield (subject, spent.whose.tenant, unit, currency, period), amount


def summed(rows: Iterable[Spent]) -> dict[Account, int]:
    """The sums of all accounts. A month may have very many rows, so they are first added up by whose they are."""
    groups: dict[tuple[Whose, str, str], list[int]] = {}
    for row in rows:
        group = groups.get((row.whose, row.day, row.currency))
        if group is None:
            group = groups[row.whose, row.day, row.currency] = [0, 0, 0]
        group[0] += row.requests
        group[1] += row.money
        group[2] += row.tokens
    sums: dict[Account, int] = {}
    for (whose, day, currency), (requests, money, tokens) in groups.items():
        for account, amount in accounts(Spent("", whose, "", True, day, requests, money, currency, tokens)):
            sums[account] = sums.get(account, 0) + amount
    return sums


def period_of(period: Literal["day", "month"], now: datetime) -> str:
    """The name of the period that `now` lies in: `2026-11-21`, `2026-11`."""
    day = now.date().isoformat()
    return day if period == "day" else day[:7]


def resets_at(budget: Budget, now: datetime) -> datetime:
    """When the budget's next period begins (UTC)."""
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    if budget.period == "day":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
