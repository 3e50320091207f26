"""`ifctl cost`: what the actions cost, summed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import command
from infrafabric.control.cli.opening import look
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.policy.costs import By, Costs

__all__ = ["cost"]

_DAYS = re.compile(r"([1-9]\d{0,3})d")


@command("cost", short_help="What the actions cost, summed.")
@click.option(
    "--by",
    type=click.Choice(["capability", "talent", "target", "tenant", "day"]),
    default="capability",
    show_default=True,
    help="What to sum by.",
)
@click.option(
    "--since",
    default="30d",
    show_default=True,
    metavar="DAY",
    help="From this day on (2026-11-01), or that many days back (7d); days are those of UTC.",
)
def cost(shell: Shell, by: By, since: str) -> None:
    """Sum what the actions spent: how many there were, their writes, tokens and money, and the money a decision.

    An action counts on the day on which its spending was set aside, as it does in budgets. Money of actions that are
    under way or in doubt is told apart. A plan that wrote nothing cost nothing, but it was decided on.
    """
    today = datetime.now(UTC).date()
    first = _day(since, today)

    def find(house: House) -> Sequence[Costs]:
        from infrafabric.policy.costs import sum_costs

        return sum_costs(house.reading.facts, by, first, today)

    rows = look(shell, find)
    shape = {"by": by, "since": first.isoformat(), "until": today.isoformat()}
    shell.result(
        {**shape, "costs": [_json(row) for row in rows], "total": _json(_total(rows))},
        lambda console: _render(console, by, first, rows),
    )


def _day(text: str, today: date) -> date:
    """Raises IF_ERR_USAGE."""
    back = _DAYS.fullmatch(text)
    try:
        return today - timedelta(days=int(back[1])) if back is not None else date.fromisoformat(text)
    except (ValueError, OverflowError):
        message = f"--since {text[:40]!r} is no day such as 2026-11-01, and no number of days such as 7d"
        raise FabricError(Code.USAGE, message) from None


def _total(rows: Sequence[Costs]) -> Costs:
    from infrafabric.policy.costs import Costs

    total = Costs("total")
    for row in rows:
        total.actions += row.actions
        total.writes += row.writes
        total.tokens += row.tokens
        total.decisions += row.decisions
        for currency, amount in row.money.items():
            total.money[currency] += amount
        for currency, amount in row.reserved.items():
            total.reserved[currency] += amount
    return total


def _json(row: Costs) -> dict[str, Any]:
    return {
        "group": row.group,
        "actions": row.actions,
        "writes": row.writes,
        "tokens": row.tokens,
        "money": _decimals(row.money),
        "reserved": _decimals(row.reserved),
        "decisions": row.decisions,
        "per_decision": _decimals(row.per_decision()),
    }


def _decimals(money: Mapping[str, int]) -> dict[str, str]:
    from infrafabric.policy.amounts import decimal_of

    return {currency: decimal_of(money[currency]) for currency in sorted(money)}


def _render(console: Console, by: str, since: date, rows: Sequence[Costs]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        console.print(f"nothing was decided since {since}")
        return
    table = Table(by, "actions", "writes", "tokens", "money", "set aside", "decisions", "a decision")
    shown = [*rows, _total(rows)] if len(rows) > 1 else rows
    for position, row in enumerate(shown):
        money = [_lines(amounts) for amounts in (row.money, row.reserved, row.per_decision())]
        numbers = [str(number) for number in (row.actions, row.writes, row.tokens)]
        style = "bold" if position == len(rows) else ""
        table.add_row(Text(_named(row.group)), *numbers, money[0], money[1], str(row.decisions), money[2], style=style)
    console.print(table)


def _named(group: str) -> str:
    return "erased" if not group or group.startswith("#") else visible(group)


def _lines(money: Mapping[str, int]) -> str:
    return "\n".join(f"{amount} {currency}" for currency, amount in _decimals(money).items()) or "-"
