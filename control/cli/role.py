"""`ifctl role`: roles that include others, so that policies and approvals name one and mean many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.words.policy import Role

__all__ = ["role"]

_TENANT = click.option("--tenant", default="default", show_default=True, help="In which tenant.")


@click.group("role")
def role() -> None:
    """Roles: what they include, and who holds them."""


@role.add_command
@command("set", short_help="Say which roles a role includes.")
@click.argument("name", metavar="ROLE")
@click.option("--includes", metavar="ROLE", multiple=True, help="Whoever has ROLE has this one too. May be repeated.")
@_TENANT
@changing
def set_(shell: Shell, name: str, includes: tuple[str, ...], tenant: str, why: str | None) -> None:
    """Define a role, or define it anew: what it includes takes the place of what it included.

    ifctl role set producer --includes operator --includes viewer --why "producers do it all"

    A talent has a role by `ifctl talent add --role` or `talent set --role`, defined or not; policies say what it may.
    """
    reason = shell.why(why)
    value = _role(name=name, tenant=tenant, includes=tuple(dict.fromkeys(includes)))

    async def work(house: House) -> list[str]:
        from infrafabric.policy.roles import held

        await house.record(house.operator(shell.trace).role(value, reason))
        return sorted(held([value.name], house.authority, value.tenant) - {value.name})

    holds = operating(shell, work)
    shell.result(
        {"role": value.as_json(), "change": "set", "holds": holds},
        lambda console: console.print(f"role {value.name} set; it includes {', '.join(holds) or 'no other'}"),
    )


@role.add_command
@command("list", short_help="All roles: what they include, and who has them.")
@click.option("--tenant", metavar="TENANT", help="Only those of this tenant.")
def list_(shell: Shell, tenant: str | None) -> None:
    """List the roles that were defined or that a talent has, with all that they include and who has them."""
    rows = look(shell, lambda house: _rows(house, tenant))

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("role", "tenant", "includes", "talents that have it")
        for row in rows:
            direct = ", ".join(map(visible, row["includes"])) or ("no other" if row["defined"] else "not defined")
            further = [name for name in row["holds"] if name not in row["includes"]]
            more = f"  (and {', '.join(map(visible, further))})" if further else ""
            names = (
                visible(row["name"]),
                visible(row["tenant"]),
                direct + more,
                ", ".join(map(visible, row["talents"])),
            )
            table.add_row(*map(Text, names))
        console.print(table if rows else "no roles yet; `ifctl role set` defines one")

    shell.result({"roles": rows}, render)


@role.add_command
@command("remove", short_help="Forget what a role includes.")
@click.argument("name", metavar="ROLE")
@_TENANT
@changing
def remove(shell: Shell, name: str, tenant: str, why: str | None) -> None:
    """Forget a role's definition: it includes no other from then on. Talents that have it keep it."""
    reason = shell.why(why)
    asked = _role(name=name, tenant=tenant)

    async def work(house: House) -> Role:
        from infrafabric.kernel.words.policy import Role

        value = house.authority.get("role", asked.key)
        if value is None:
            raise FabricError(Code.NAME_INVALID, f"no role {asked.name} is defined in the tenant {asked.tenant}")
        found = Role.model_validate(value)
        await house.record(house.operator(shell.trace).role(found, reason, "removed"))
        return found

    value = operating(shell, work)
    shell.result(
        {"role": value.as_json(), "change": "removed"}, lambda console: console.print(f"role {value.name} removed")
    )


def _rows(house: House, tenant: str | None) -> list[dict[str, Any]]:
    from infrafabric.policy.roles import held

    defined = {(value["tenant"], value["name"]): value for _, value in house.authority.scan("role")}
    holders: dict[tuple[str, str], list[str]] = {}
    for who, value in house.authority.scan("talent"):
        for name in value.get("roles", ()) if not value["revoked"] else ():
            holders.setdefault((value["tenant"], name), []).append(who)
    rows = []
    for place, name in sorted({*defined, *holders}):
        if tenant not in (None, place):
            continue
        found = defined.get((place, name))
        rows.append(
            {
                "name": name,
                "tenant": place,
                "defined": found is not None,
                "includes": list(found["includes"]) if found is not None else [],
                "holds": sorted(held([name], house.authority, place) - {name}),
                "talents": holders.get((place, name), []),
            }
        )
    return rows


def _role(**members: Any) -> Role:
    from pydantic import ValidationError

    from infrafabric.kernel.words.policy import Role

    try:
        return Role(**members)
    except ValidationError as error:
        member = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        what = "a tenant" if member == "tenant" else "a role"
        raise FabricError(Code.NAME_INVALID, f"{what} is lower-case letters, digits and -") from None
