"""`ifctl role`: roles that include others, so that policies and approvals name one and mean many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible

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
    from infrafabric.control.records.roles import role_of

    reason = shell.why(why)
    value = role_of(name=name, tenant=tenant, includes=tuple(dict.fromkeys(includes)))

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
    from infrafabric.control.records.roles import known_roles

    rows = look(shell, lambda house: known_roles(house, tenant))

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
    from infrafabric.control.records.roles import defined_role, role_of

    reason = shell.why(why)
    asked = role_of(name=name, tenant=tenant)

    async def work(house: House) -> Role:
        found = defined_role(house, asked)
        await house.record(house.operator(shell.trace).role(found, reason, "removed"))
        return found

    value = operating(shell, work)
    shell.result(
        {"role": value.as_json(), "change": "removed"}, lambda console: console.print(f"role {value.name} removed")
    )
