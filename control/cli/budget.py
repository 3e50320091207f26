"""`ifctl budget`: what talents, capabilities and tenants may spend in a day or a month."""

from __future__ import annotations

from collections.abc import Sequence
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
    reason = shell.why(why)

    async def work(house: House) -> tuple[Budget, int | None]:
        value = _budget(house, shell, subject, unit, currency, per, tenant, _amount(unit, limit))
        before = house.authority.get("budget", value.key)
        await house.record(house.operator(shell.trace).budget(value, reason))
        return value, None if before is None else int(before["limit"])

    value, before = operating(shell, work)
    change: dict[str, Any] = {"budget": _json(value), "change": "set"}
    if before is not None:
        change["before"] = _decimal(value, before)

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
    reason = shell.why(why)

    async def work(house: House) -> Budget:
        value = _budget(house, shell, subject, unit, currency, per, tenant, 0)
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

    def find(house: House) -> tuple[list[Standing], list[str]]:
        from infrafabric.policy.budgets import Ledger

        ledger = Ledger(house.reading.facts, house.authority, clock=house.clock)
        return ledger.standings(), ledger.doubted()

    standings, doubted = look(shell, find)
    shape = {"budgets": [_standing_json(one) for one in standings], "doubted": doubted}
    shell.result(shape, lambda console: _render(console, standings, doubted))


def _render(console: Console, standings: Sequence[Standing], doubted: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("budget", "limit", "used", "set aside", "left", "taken", "begins anew")
    for one in standings:
        value = one.budget
        full = min(_BAR, one.percent * _BAR // 100)
        colour = "red" if one.percent >= 100 else "yellow" if one.percent >= 80 else "green"
        tenant = f" ({value.tenant})" if value.subject.startswith("capability:") and value.tenant != "default" else ""
        table.add_row(
            Text(f"{visible(_short(value.subject))}{tenant}"),
            f"{_shown(value, value.limit)} a {value.period}",
            *(str(_decimal(value, amount)) for amount in (one.used, one.reserved, one.left)),
            Text.assemble(("#" * full, colour), "." * (_BAR - full), f" {one.percent} %"),
            one.resets_at.strftime("%Y-%m-%d %H:%MZ"),
        )
    console.print(table if standings else "no budgets: nothing limits what may be spent")
    for key in doubted:
        console.print(Text(f"void, and refuses all that falls under it: {visible(key)}", style="red"))
        console.print("  no present operator signed it: set it again, or remove it")


def _short(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return f"{kind} {name.removeprefix('if://').removeprefix('capability/')}"


def _budget(
    house: House,
    shell: Shell,
    subject: str,
    unit: str,
    currency: str | None,
    per: Literal["day", "month"],
    tenant: str | None,
    limit: int,
) -> Budget:
    """Raises IF_ERR_USAGE, IF_ERR_NAME_INVALID, IF_ERR_TALENT_UNKNOWN."""
    from pydantic import ValidationError

    from infrafabric.kernel.words.policy import Budget, Unit

    kind, _, name = subject.partition(":")
    if currency is not None and unit != "money":
        raise FabricError(Code.USAGE, f"--currency belongs to money, not to {unit}")
    if tenant is not None and kind != "capability":
        raise FabricError(Code.USAGE, f"--tenant belongs to a capability's budget, not to that of a {kind[:40]}")
    full, whose = _subject(house, shell, kind, name, tenant or "default")
    money = (currency or "USD").upper() if unit == "money" else ""
    try:
        return Budget(subject=full, unit=Unit(unit), currency=money, period=per, limit=limit, tenant=whose)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.NAME_INVALID, f"{where}: {first['msg']}") from None


def _subject(house: House, shell: Shell, kind: str, name: str, tenant: str) -> tuple[str, str]:
    """The subject in full, and its tenant."""
    from infrafabric.kernel.words.names import capability_id

    match kind:
        case "talent" if name:
            talent = house.talent_named(name)
            found = house.authority.get("talent", talent)
            if found is None:
                raise FabricError(Code.TALENT_UNKNOWN, f"there is no talent {talent}")
            return f"talent:{talent}", str(found["tenant"])
        case "capability" if name:
            capability = capability_id(name)
            if all(manifest.id != capability for manifest in house.manifests()):
                shell.say(f"note: no installed adapter offers {capability} yet")
            return f"capability:{capability}", tenant
        case "tenant" if name:
            if all(value["tenant"] != name for _, value in house.authority.scan("talent")):
                shell.say(f"note: no talent belongs to the tenant {visible(name)} yet")
            return f"tenant:{name}", name
    given = f"{kind}:{name}" if name else kind
    raise FabricError(
        Code.USAGE,
        f"--subject {given[:80]!r} names nothing that spends",
        remedy="Give talent:NAME, capability:NAME or tenant:NAME.",
    )


def _amount(unit: str, text: str) -> int:
    """Raises IF_ERR_USAGE."""
    from infrafabric.policy.amounts import money_of

    if unit == "money":
        amount = money_of(text)
        if amount is None or amount > 2**53 - 1:
            message = f"--limit {text[:40]!r} is no amount of money such as 25.00, with up to six decimals"
            raise FabricError(Code.USAGE, message)
        return amount
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise FabricError(Code.USAGE, f"--limit {text[:40]!r} is no number of {unit}, such as 1000")
    return int(text)


def _decimal(value: Budget, amount: int) -> str | int:
    from infrafabric.kernel.words.policy import Unit
    from infrafabric.policy.amounts import decimal_of

    return decimal_of(amount) if value.unit is Unit.MONEY else amount


def _shown(value: Budget, amount: int) -> str:
    from infrafabric.policy.amounts import shown

    return shown(amount, value.unit, value.currency)


def _json(value: Budget) -> dict[str, Any]:
    """The budget with its limit as people write it: money as a decimal string, all else as a number."""
    return {**value.as_json(), "key": value.key, "limit": _decimal(value, value.limit)}


def _standing_json(one: Standing) -> dict[str, Any]:
    value = one.budget
    amounts = {"used": one.used, "reserved": one.reserved, "left": one.left}
    return {
        **_json(value),
        **{name: _decimal(value, amount) for name, amount in amounts.items()},
        "percent": one.percent,
        "resets_at": one.resets_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
