"""`ifctl budget`: what talents, capabilities and tenants may spend in a day or a month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.words.policy import Budget
    from infrafabric.policy.budgets import Standing

__all__ = ["budget"]

_BAR = 10
_SUBJECT = click.option(
    "--subject",
    required=True,
    metavar="KIND:NAME",
    help="Whose: talent:Finance.Agent, capability:vmix.switcher or tenant:default.",
)
_UNIT = click.option(
    "--unit",
    type=click.Choice(["money", "requests", "tokens"]),
    default="money",
    show_default=True,
    help="What is limited: money, writes sent, or model tokens.",
)
_CURRENCY = click.option(
    "--currency", metavar="ISO", help="Of money, as in ISO 4217: USD, which it is where left out, EUR, JPY."
)
_PER = click.option(
    "--per", type=click.Choice(["day", "month"]), required=True, help="How long it lasts, in days of UTC."
)
_TENANT = click.option(
    "--tenant",
    metavar="TENANT",
    help="Of a capability: whose use of it is limited; left out, that of the tenant default.",
)


@click.group("budget")
def budget() -> None:
    """What talents, capabilities and tenants may spend in a day or a month."""


@budget.add_command
@command("set", short_help="Limit what a talent, a capability or a tenant may spend.")
@_SUBJECT
@_UNIT
@_CURRENCY
@_PER
@click.option("--limit", required=True, metavar="AMOUNT", help="How much, such as 25.00; 0 forbids all.")
@_TENANT
@changing
def set_(
    shell: Shell,
    subject: str,
    unit: str,
    currency: str | None,
    per: Literal["day", "month"],
    limit: str,
    tenant: str | None,
    why: str | None,
) -> None:
    """Set a budget, or change its limit. What was used of it in the present day or month stays used.

    An action is refused when it would take more than is left, before anything is written. One that costs nothing of the
    unit is not held by it.
    """
    from infrafabric.control.records.budgets import amount_of, budget_json, budget_of, decimal_amount

    reason = shell.why(why)

    async def work(house: House) -> tuple[Budget, int | None]:
        note = _noted(shell)
        value = budget_of(house, subject, unit, currency, per, tenant, amount_of(unit, limit), note)
        before = house.authority.get("budget", value.key)
        await house.record(house.operator(shell.trace).budget(value, reason))
        return value, None if before is None else int(before["limit"])

    value, before = operating(shell, work)
    change: dict[str, Any] = {"budget": budget_json(value), "change": "set"}
    if before is not None:
        change["before"] = decimal_amount(value, before)

    def render(console: Console) -> None:
        was = f" (it was {_shown(value, before)})" if before is not None else ""
        console.print(f"budget set: {value.subject} may spend {_shown(value, value.limit)} a {value.period}{was}")

    shell.result(change, render)


@budget.add_command
@command("remove", short_help="Take a limit away.")
@_SUBJECT
@_UNIT
@_CURRENCY
@_PER
@_TENANT
@changing
def remove(
    shell: Shell,
    subject: str,
    unit: str,
    currency: str | None,
    per: Literal["day", "month"],
    tenant: str | None,
    why: str | None,
) -> None:
    """Remove a budget: nothing limits its subject in this unit and period any more, but its other budgets."""
    from infrafabric.control.records.budgets import budget_of

    reason = shell.why(why)

    async def work(house: House) -> Budget:
        value = budget_of(house, subject, unit, currency, per, tenant, 0, _noted(shell))
        if house.reading.facts.get("budget", value.key) is None:
            raise FabricError(Code.BUDGET_UNKNOWN, f"there is no budget {value.key}")
        await house.record(house.operator(shell.trace).budget(value, reason, "removed"))
        return value

    value = operating(shell, work)
    shell.result(
        {"budget": {"key": value.key}, "change": "removed"},
        lambda console: console.print(f"budget removed: {value.subject} {value.unit.value} a {value.period}"),
    )


@budget.add_command
@command("show", short_help="All budgets: limit, used, set aside, left.")
def show(shell: Shell) -> None:
    """Show how the budgets stand in the present day and month (UTC).

    What is set aside belongs to actions that are under way or in doubt; it is given back where they turn out to have
    spent less.
    """

    from infrafabric.control.records.budgets import standing_json, standings

    found, doubted = look(shell, standings)
    shape = {"budgets": [standing_json(one) for one in found], "doubted": doubted}
    shell.result(shape, lambda console: _render(console, found, doubted))


def _render(console: Console, standings: Sequence[Standing], doubted: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from infrafabric.control.records.budgets import decimal_amount

    table = Table("budget", "limit", "used", "set aside", "left", "taken", "begins anew")
    for one in standings:
        value = one.budget
        full = min(_BAR, one.percent * _BAR // 100)
        colour = "red" if one.percent >= 100 else "yellow" if one.percent >= 80 else "green"
        tenant = f" ({value.tenant})" if value.subject.startswith("capability:") and value.tenant != "default" else ""
        table.add_row(
            Text(f"{visible(_short(value.subject))}{tenant}"),
            f"{_shown(value, value.limit)} a {value.period}",
            *(str(decimal_amount(value, amount)) for amount in (one.used, one.reserved, one.left)),
            Text.assemble(("#" * full, colour), "." * (_BAR - full), f" {one.percent} %"),
            one.resets_at.strftime("%Y-%m-%d %H:%MZ"),
        )
    console.print(table if standings else "no budgets: nothing limits what may be spent")
    for key in doubted:
        console.print(Text(f"void, and refuses all that falls under it: {visible(key)}", style="red"))
        console.print("  no present operator signed it: set it again, or remove it")


def _noted(shell: Shell) -> Callable[[str], None]:
    return lambda text: shell.say(f"note: {text}")


def _short(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"{kind} {name.removeprefix('if://').removeprefix('capability/')}"


def _shown(value: Budget, amount: int) -> str:
    from infrafabric.policy.amounts import shown

    return shown(amount, value.unit, value.currency)
