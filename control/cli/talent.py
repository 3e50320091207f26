"""`ifctl talent`: who may do what: people, agents, services, and what they were granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.rates import rate as read_rate
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.talent_grant import grant, revoke
from infrafabric.control.cli.talent_key import key
from infrafabric.control.cli.talent_view import list_json, show_json, show_list, show_talent
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Talent

__all__ = ["talent"]

_NAME = click.option(
    "--name", required=True, metavar="TALENT", help="Finance.Agent, or in full if://agent/Finance.Agent."
)


@click.group("talent")
def talent() -> None:
    """Who may do what: people, agents, services and their grants."""


talent.add_command(grant)
talent.add_command(revoke)
talent.add_command(key)


@talent.add_command
@command("add", short_help="Add a person, agent or service.")
@_NAME
@click.option(
    "--kind", type=click.Choice(["person", "agent", "service"]), default="agent", show_default=True, help="What it is."
)
@click.option("--role", "roles", metavar="ROLE", multiple=True, help="A role that policies speak of.")
@click.option("--group", "groups", metavar="GROUP", multiple=True, help="A group: it holds what the group was granted.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="What it is good at, for `ifctl capability find`.")
@click.option("--owner", metavar="TALENT", help="Who answers for it, and may approve what it asks.")
@click.option("--key", metavar="BASE64", help="Its Ed25519 public key, for what it signs.")
@click.option("--confidence-required", is_flag=True, help="What it asks without a confidence counts as confidence 0.")
@click.option("--rate", metavar="RPS[:BURST]", help="How often it may ask for anything, in asks a second.")
@click.option("--tenant", default="default", show_default=True, help="Whose it is.")
@changing
def add(
    shell: Shell,
    name: str,
    kind: str,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    tags: tuple[str, ...],
    owner: str | None,
    key: str | None,
    confidence_required: bool,
    rate: str | None,
    tenant: str,
    why: str | None,
) -> None:
    """Add a talent. It may do nothing until it, or a group that it is of, is granted something.

    ifctl talent add --name Finance.Agent --role analyst --why "earnings pass"
    """
    from infrafabric.control.records.talents import check_unused, owner_of, talent_of
    from infrafabric.kernel.words.names import talent_id
    from infrafabric.keys.signing import PublicKey

    reason = shell.why(why)
    enrolled = str(PublicKey.enrol(key)) if key is not None else None
    bucket = read_rate(rate) if rate is not None else None

    async def work(house: House) -> Talent:
        value = talent_of(
            id=talent_id(name, kind),
            tenant=tenant,
            roles=_once(roles),
            groups=_once(groups),
            tags=_once(tags),
            owner=owner_of(house, owner, talent_id(name, kind), tenant) if owner is not None else None,
            key=enrolled,
            confidence_required=confidence_required,
            rate=bucket,
        )
        if house.authority.get("talent", value.id) is not None:
            raise FabricError(Code.EXISTS, f"there is a talent {value.id} already; `ifctl talent set` changes it")
        if enrolled is not None:
            check_unused(house, enrolled, value.id)
        await house.record(house.operator(shell.trace).talent(value, reason))
        return value

    _done(shell, operating(shell, work), "added")


@talent.add_command
@command("set", short_help="Change a talent's roles, groups, tags, owner or rate.")
@_NAME
@click.option("--role", "roles", metavar="ROLE", multiple=True, help="A role that it gets.")
@click.option("--drop-role", "no_roles", metavar="ROLE", multiple=True, help="A role that it loses.")
@click.option("--group", "groups", metavar="GROUP", multiple=True, help="A group that it joins.")
@click.option("--drop-group", "no_groups", metavar="GROUP", multiple=True, help="A group that it leaves.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag that it gets.")
@click.option("--drop-tag", "no_tags", metavar="TAG", multiple=True, help="A tag that it loses.")
@click.option("--owner", metavar="TALENT", help="Who answers for it from now on.")
@click.option("--rate", metavar="RPS[:BURST]", help="How often it may ask for anything; `none` for no rate of its own.")
@changing
def set_(
    shell: Shell,
    name: str,
    roles: tuple[str, ...],
    no_roles: tuple[str, ...],
    groups: tuple[str, ...],
    no_groups: tuple[str, ...],
    tags: tuple[str, ...],
    no_tags: tuple[str, ...],
    owner: str | None,
    rate: str | None,
    why: str | None,
) -> None:
    """Change some of what a talent is; the rest stays. What it has under way stops before its next write.

    Its tenant never changes: what it did is its tenant's.
    """
    reason = shell.why(why)
    if not (roles or no_roles or groups or no_groups or tags or no_tags or owner or rate):
        stop("say what to change")

    async def work(house: House) -> Talent:
        from infrafabric.control.records.talents import owner_of, talent_of

        old = house.authority.talent(house.talent_named(name))
        members = {
            **{member: getattr(old, member) for member in type(old).model_fields},
            "roles": _changed("role", old.roles, roles, no_roles),
            "groups": _changed("group", old.groups, groups, no_groups),
            "tags": _changed("tag", old.tags, tags, no_tags),
        }
        if owner is not None:
            members["owner"] = owner_of(house, owner, old.id, old.tenant)
        if rate is not None:
            members["rate"] = None if rate == "none" else read_rate(rate)
        value = talent_of(**members)
        await house.record(house.operator(shell.trace).talent(value, reason))
        return value

    _done(shell, operating(shell, work), "set")


@talent.add_command
@command("list", short_help="All talents and what they may do.")
@click.option("--tenant", metavar="TENANT", help="Only those of this tenant.")
@click.option("--group", metavar="GROUP", help="Only those of this group.")
def list_(shell: Shell, tenant: str | None, group: str | None) -> None:
    """List the talents with their roles and grants. A grant that has ended is marked."""
    rows = look(shell, lambda house: list_json(house, tenant, group))
    shell.result({"talents": rows}, lambda console: show_list(console, rows))


@talent.add_command
@command("show", short_help="All about one talent: roles with those included, groups, grants, key, whose it is.")
@click.argument("name", metavar="TALENT")
def show(shell: Shell, name: str) -> None:
    """Show what a talent is and may do, and by which grants: its own and its groups'."""
    found = look(shell, lambda house: show_json(house, name))
    shell.result(found, lambda console: show_talent(console, found))


def _once(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(given))


def _changed(what: str, old: tuple[str, ...], more: tuple[str, ...], less: tuple[str, ...]) -> tuple[str, ...]:
    """Raises IF_ERR_NAME_INVALID for one to be dropped that is not there."""
    for name in less:
        if name not in old:
            known = ", ".join(old) or "none"
            raise FabricError(Code.NAME_INVALID, f"it has no {what} {name[:40]!r}; it has {known}")
    return tuple(name for name in dict.fromkeys((*old, *more)) if name not in less)


def _done(shell: Shell, value: Talent, what: str) -> None:
    shape = {"talent": value.as_json(), "change": what}
    shell.result(shape, lambda console: console.print(f"talent {value.id} {what}"))
