"""Talents and roles for people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["list_json", "show_json", "show_list", "show_talent"]


def list_json(house: House, tenant: str | None, group: str | None) -> list[dict[str, Any]]:
    """The talents with their own grants and those of their groups."""
    return [
        _row(house, value)
        for _, value in house.authority.scan("talent")
        if tenant in (None, value["tenant"]) and (group is None or group in value.get("groups", ()))
    ]


def show_json(house: House, name: str) -> dict[str, Any]:
    """One talent, also a revoked one. Raises IF_ERR_TALENT_UNKNOWN."""
    from infrafabric.kernel.errors import Code, FabricError
    from infrafabric.policy.roles import held

    who = house.talent_named(name)
    value = house.authority.get("talent", who)
    if value is None:
        raise FabricError(Code.TALENT_UNKNOWN, f"there is no talent {who}")
    owns = [other for other, row in house.authority.scan("talent") if row.get("owner") == who]
    holds = sorted(held(value.get("roles", ()), house.authority, value["tenant"]))
    return {**_row(house, value), "holds": holds, "owns": owns}


def _row(house: House, value: Mapping[str, Any]) -> dict[str, Any]:
    from infrafabric.kernel.words.things import group_holder

    holders = {value["id"], *map(group_holder, value.get("groups", ()))}
    now = house.clock()
    grants = [
        {**one, "ended": _ended(one, now)}
        for _, one in house.authority.scan("grant")
        if one["talent"] in holders and one["tenant"] == value["tenant"]
    ]
    return {**value, "grants": grants}


def _ended(grant: Mapping[str, Any], now: datetime) -> bool:
    from infrafabric.kernel.clock import moment

    return bool(grant.get("expires")) and now >= moment(grant["expires"])


def show_list(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    tenants = {row["tenant"] for row in rows}
    table = Table("talent", "roles", "may do")
    for row in rows:
        may = "revoked" if row["revoked"] else "\n".join(map(grant_line, row["grants"])) or "nothing yet"
        name = visible(row["id"]) + (f"\n  of {visible(row['tenant'])}" if len(tenants) > 1 else "")
        groups = [f"group {visible(group)}" for group in row.get("groups", ())]
        table.add_row(Text(name), Text(", ".join((*map(visible, row.get("roles", ())), *groups))), Text(may))
    console.print(table if rows else "no talents")


def show_talent(console: Console, found: Mapping[str, Any]) -> None:
    from rich.text import Text

    state = "  revoked" if found["revoked"] else ""
    console.print(Text(f"{visible(found['id'])}{state}", style="bold"))
    own = list(found.get("roles", ()))
    included = [role for role in found["holds"] if role not in own]
    roles = ", ".join(map(visible, own)) or "none"
    rate = found.get("rate")
    lines = {
        "tenant": visible(found["tenant"]),
        "roles": roles + (f"  (and by them: {', '.join(map(visible, included))})" if included else ""),
        "groups": ", ".join(map(visible, found.get("groups", ()))) or "none",
        "tags": ", ".join(map(visible, found.get("tags", ()))) or "none",
        "owner": visible(found.get("owner") or "nobody"),
        "owns": ", ".join(map(visible, found["owns"])) or "nobody",
        "key": visible(found.get("key") or "none; `ifctl talent key` gives it one"),
        "rate": f"{rate['rps']:g} a second, {rate['burst']} at once" if rate else "that of the settings",
        "confidence": "required" if found.get("confidence_required") else "not required",
    }
    for name, text in lines.items():
        console.print(Text(f"{name:<11} {text}"), soft_wrap=True)
    console.print("may do" if found["grants"] else "may do nothing yet")
    for one in found["grants"]:
        console.print(Text(f"  {grant_line(one)}"), soft_wrap=True)
        if one.get("only"):
            import json

            console.print(
                Text(f"    only: {visible(json.dumps(one['only'], ensure_ascii=True), 1_000)}"), soft_wrap=True
            )


def grant_line(one: Mapping[str, Any]) -> str:
    """A grant in one line."""
    what = f"{visible(one['capability'].rpartition('/')[2])} on {visible(one['target'])}"
    if one.get("scopes"):
        what += f" only for {', '.join(map(visible, one['scopes']))}"
    if one.get("only"):
        what += ", some intents only"
    if one["talent"].startswith("group:"):
        what += f", by {visible(one['talent'].replace(':', ' '))}"
    if one.get("expires"):
        what += f", {'ENDED' if one['ended'] else 'until'} {visible(one['expires'])}"
    return what
