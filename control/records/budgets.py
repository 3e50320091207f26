"""Budgets as operators' records: whose spending is limited to how much, and how each budget stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.policy.amounts import decimal_of, money_of
from infrafabric.policy.budgets import Ledger, Standing

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["amount_of", "budget_json", "budget_of", "decimal_amount", "standing_json", "standings"]


def budget_of(
    house: House,
    subject: str,
    unit: str,
    currency: str | None,
    per: Literal["day", "month"],
    tenant: str | None,
    limit: int,
    note: Callable[[str], None] = lambda text: None,
) -> Budget:
    """The word `Budget` for a subject such as `talent:Finance.Agent`; `note` hears of what is odd.

    Raises IF_ERR_USAGE, IF_ERR_NAME_INVALID, IF_ERR_TALENT_UNKNOWN.
    """
    kind, _, name = subject.partition(":")
    if currency is not None and unit != "money":
        raise FabricError(Code.USAGE, f"--currency belongs to money, not to {unit}")
    if tenant is not None and kind != "capability":
        raise FabricError(Code.USAGE, f"--tenant belongs to a capability's budget, not to that of a {kind[:40]}")
    full, whose = _subject(house, note, kind, name, tenant or "default")
    money = (currency or "USD").upper() if unit == "money" else ""
    try:
        return Budget(subject=full, unit=Unit(unit), currency=money, period=per, limit=limit, tenant=whose)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.NAME_INVALID, f"{where}: {first['msg']}") from None


def amount_of(unit: str, text: str) -> int:
    """A limit as the log has it: money in millionths, all else as a number. Raises IF_ERR_USAGE."""
    if unit == "money":
        amount = money_of(text)
        if amount is None or amount > 2**53 - 1:
            message = f"--limit {text[:40]!r} is no amount of money such as 25.00, with up to six decimals"
            raise FabricError(Code.USAGE, message)
        return amount
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise FabricError(Code.USAGE, f"--limit {text[:40]!r} is no number of {unit}, such as 1000")
    return int(text)


def standings(house: House) -> tuple[list[Standing], list[str]]:
    """How the budgets stand in the present day and month, and the keys of those that no present operator signed."""
    ledger = Ledger(house.reading.facts, house.authority, clock=house.clock)
    return ledger.standings(), ledger.doubted()


def decimal_amount(value: Budget, amount: int) -> str | int:
    """An amount as people write it: money as a decimal string, all else as a number."""
    return decimal_of(amount) if value.unit is Unit.MONEY else amount


def budget_json(value: Budget) -> dict[str, Any]:
    """The budget with its limit as people write it: money as a decimal string, all else as a number."""
    return {**value.as_json(), "key": value.key, "limit": decimal_amount(value, value.limit)}


def standing_json(one: Standing) -> dict[str, Any]:
    """A budget with what is used of it, set aside and left, and when it begins anew."""
    value = one.budget
    amounts = {"used": one.used, "reserved": one.reserved, "left": one.left}
    return {
        **budget_json(value),
        **{name: decimal_amount(value, amount) for name, amount in amounts.items()},
        "percent": one.percent,
        "resets_at": one.resets_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _subject(house: House, note: Callable[[str], None], kind: str, name: str, tenant: str) -> tuple[str, str]:
    """The subject in full, and its tenant."""
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
                note(f"no installed adapter offers {capability} yet")
            return f"capability:{capability}", tenant
        case "tenant" if name:
            if all(value["tenant"] != name for _, value in house.authority.scan("talent")):
                note(f"no talent belongs to the tenant {visible(name)} yet")
            return f"tenant:{name}", name
    given = f"{kind}:{name}" if name else kind
    raise FabricError(
        Code.USAGE,
        f"--subject {given[:80]!r} names nothing that spends",
        remedy="Give talent:NAME, capability:NAME or tenant:NAME.",
    )
