"""`ifctl cost`: what the actions cost, summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import command
from infrafabric.control.cli.opening import look
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.policy.costs import By, Costs

__all__ = ["cost"]


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
    from infrafabric.control.costing import costs_json

    shape, rows = look(shell, lambda house: costs_json(house, by, since))
    shell.result(shape, lambda console: _render(console, by, shape, rows))


def _render(console: Console, by: str, shape: Mapping[str, Any], rows: Sequence[Costs]) -> None:
    from rich.table import Table
    from rich.text import Text

    from infrafabric.control.costing import total

    if not rows:
        console.print(f"nothing was decided since {shape['since']}")
        return
    table = Table(by, "actions", "writes", "tokens", "money", "set aside", "decisions", "a decision")
    shown = [*rows, total(rows)] if len(rows) > 1 else rows
    for position, row in enumerate(shown):
        money = [_lines(amounts) for amounts in (row.money, row.reserved, row.per_decision())]
        numbers = [str(number) for number in (row.actions, row.writes, row.tokens)]
        style = "bold" if position == len(rows) else ""
        table.add_row(Text(_named(row.group)), *numbers, money[0], money[1], str(row.decisions), money[2], style=style)
    console.print(table)
    if shape["asks"]["keyed"]:
        keyed, suppressed = shape["asks"]["keyed"], shape["asks"]["suppressed"]
        console.print(f"{keyed} asks under an idempotency key, {suppressed} of them answered without another action")


def _named(group: str) -> str:
    return "erased" if not group or group.startswith("#") else visible(group)


def _lines(money: Mapping[str, int]) -> str:
    from infrafabric.control.costing import decimals

    return "\n".join(f"{amount} {currency}" for currency, amount in decimals(money).items()) or "-"
