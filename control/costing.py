"""What the actions cost, as it is told: days, sums and decimals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import ASKS_KEYED, ASKS_SUPPRESSED, Kind
from infrafabric.policy.amounts import decimal_of
from infrafabric.policy.costs import By, Costs, sum_costs
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["asks_json", "cost_json", "costs_json", "decimals", "first_day", "total"]

_DAYS = re.compile(r"([1-9]\d{0,3})d")


def costs_json(house: House, by: By, since: str, tenant: str | None = None) -> tuple[dict[str, Any], Sequence[Costs]]:
    """The sums since a day, of one tenant where it is named, as `--json` gives them. Raises IF_ERR_USAGE.

    `asks`, where no tenant is named, is `asks_json`.
    """
    today = datetime.now(UTC).date()
    first = first_day(since, today)
    rows = sum_costs(house.reading.facts, by, first, today, tenant)
    sums: dict[str, Any] = {"costs": [cost_json(row) for row in rows], "total": cost_json(total(rows))}
    if tenant is None:
        sums["asks"] = asks_json(house, first)
    return {"by": by, "since": first.isoformat(), "until": today.isoformat(), **sums}, rows


def asks_json(house: House, since: date) -> dict[str, int]:
    """How many asks came under an idempotency key, as kernels told that ended since that day, and how many of them were
    `suppressed`: answered with an action that was there already."""
    found = {"keyed": 0, "suppressed": 0}
    begin = int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp() * 1000)
    before: int | None = None
    while True:
        page = house.reading.find(Query(kind=Kind.COUNTER_FLUSHED, since=begin, before=before, limit=_PAGE))
        for entry in page:
            counts = entry.body["counts"] if entry.body is not None else {}
            found["keyed"] += counts.get(ASKS_KEYED, 0)
            found["suppressed"] += counts.get(ASKS_SUPPRESSED, 0)
        if len(page) < _PAGE:
            return found
        before = page[-1].index


_PAGE = 500


def first_day(text: str, today: date) -> date:
    """The day that is named, or that many days (7d) before `today`. Raises IF_ERR_USAGE."""
    back = _DAYS.fullmatch(text)
    try:
        return today - timedelta(days=int(back[1])) if back is not None else date.fromisoformat(text)
    except (ValueError, OverflowError):
        message = f"--since {text[:40]!r} is no day such as 2026-11-01, and no number of days such as 7d"
        raise FabricError(Code.USAGE, message) from None


def total(rows: Sequence[Costs]) -> Costs:
    """The sum of all groups."""
    found = Costs("total")
    for row in rows:
        found.actions += row.actions
        found.writes += row.writes
        found.tokens += row.tokens
        found.decisions += row.decisions
        for currency, amount in row.money.items():
            found.money[currency] += amount
        for currency, amount in row.reserved.items():
            found.reserved[currency] += amount
    return found


def cost_json(row: Costs) -> dict[str, Any]:
    """One group's sums."""
    return {
        "group": row.group,
        "actions": row.actions,
        "writes": row.writes,
        "tokens": row.tokens,
        "money": decimals(row.money),
        "reserved": decimals(row.reserved),
        "decisions": row.decisions,
        "per_decision": decimals(row.per_decision()),
    }


def decimals(money: Mapping[str, int]) -> dict[str, str]:
    """Millionths by currency as decimal strings."""
    return {currency: decimal_of(money[currency]) for currency in sorted(money)}
