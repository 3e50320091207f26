"""What was spent, from the log's facts, and what counts in which budget. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.policy import Budget, Spending, Unit

__all__ = ["Spent", "accounts", "amounts", "period_of", "resets_at", "spent_rows", "subjects"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What an action set aside, or once it is settled, spent; and whose that is."""

    action: str
    talent: str
    tenant: str
    capability: str
    target: str
    settled: bool
    spending: Spending


def spent_rows(facts: Facts, prefix: str) -> Iterator[Spent]:
    """The rows of a month (`2026-11-`) or a day (`2026-11-21 `), in UTC."""
    for key, value in facts.scan("spent", prefix):
        day, _, action = key.partition(" ")
        yield Spent(
            action,
            value["talent"],
            value["tenant"],
            value["capability"],
            value["target"],
            value["settled"],
            Spending(
                requests=value["requests"],
                money=value["money"],
                currency=value["currency"],
                tokens=value["tokens"],
                day=day,
            ),
        )


def subjects(talent: str, tenant: str, capability: str) -> tuple[tuple[str, str], ...]:
    """The subjects of budgets that such spending falls under, each with the tenant whose spending counts there."""
    return (f"talent:{talent}", tenant), (f"capability:{capability}", tenant), (f"tenant:{tenant}", tenant)


def amounts(spending: Spending) -> Iterator[tuple[Unit, str, int]]:
    """Unit, currency and amount of what is not nothing."""
    if spending.requests:
        yield Unit.REQUESTS, "", spending.requests
    if spending.money:
        yield Unit.MONEY, spending.currency, spending.money
    if spending.tokens:
        yield Unit.TOKENS, "", spending.tokens


def accounts(spent: Spent) -> Iterator[tuple[tuple[str, str, Unit, str, str], int]]:
    """Where the spending counts: (subject, tenant, unit, currency, period) and how much."""
    spending = spent.spending
    for subject, tenant in subjects(spent.talent, spent.tenant, spent.capability):
        for unit, currency, amount in amounts(spending):
            for period in (spending.day, spending.day[:7]):
                yield (subject, tenant, unit, currency, period), amount


def period_of(period: Literal["day", "month"], now: datetime) -> str:
    """The name of the period that `now` lies in: `2026-11-21`, `2026-11`."""
    return now.strftime("%Y-%m-%d" if period == "day" else "%Y-%m")


def resets_at(budget: Budget, now: datetime) -> datetime:
    """When the budget's next period begins (UTC)."""
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    if budget.period == "day":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
