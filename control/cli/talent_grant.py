"""`ifctl talent grant` and `revoke`: what a talent, or a group of them, may do where, for which intents, until when."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import operating
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Grant, Talent

__all__ = ["grant", "revoke"]


_NAME = click.option("--name", metavar="TALENT", help="Finance.Agent, or in full if://agent/Finance.Agent.")
_GROUP = click.option("--group", metavar="GROUP", help="Instead of a talent: all those of a group.")
_TENANT = click.option("--tenant", default="default", show_default=True, help="Whose group it is, with --group.")


@command("grant", short_help="Let a talent use a capability on a target.")
@_NAME
@_GROUP
@_TENANT
@click.option("--capability", required=True, metavar="CAPABILITY", help="What it may plan and apply.")
@click.option("--on", "target", metavar="TARGET", help="Where, if there is more than one target of the product.")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    help="Only while the manifest asks for no other scopes than these.",
)
@click.option(
    "--only", metavar="JSON|@FILE", help="Only intents that fit this JSON Schema; @FILE reads it, @- from stdin."
)
@click.option("--expires", metavar="WHEN", help="Until then: 90m, 12h, 7d, 2w, 2027-12-01 or 2027-12-01T18:00:00Z.")
@changing
def grant(
    shell: Shell,
    name: str | None,
    group: str | None,
    tenant: str,
    capability: str,
    target: str | None,
    scopes: tuple[str, ...],
    only: str | None,
    expires: str | None,
    why: str | None,
) -> None:
    """Grant a talent a capability on one target: to plan it, which shows what is there, and to apply it.

    A grant takes the place of a former one for the same talent, capability and target.

    ifctl talent grant --name Finance.Agent --capability vmix.switcher --scope studio:control --why "earnings pass"
    """
    from infrafabric.control.records.grants import check_grant, grant_of, parse_expires

    reason = shell.why(why)
    condition = _condition(shell, only) if only is not None else {}

    async def work(house: House) -> Grant:
        holder, tenant_of = _holder(house, name, group, tenant)
        value = grant_of(
            house,
            holder,
            tenant_of,
            capability,
            target,
            scopes=scopes,
            only=condition,
            expires=parse_expires(expires, house.clock()) if expires is not None else "",
        )
        for note in check_grant(house, value):
            shell.say(f"note: {note}")
        await house.record(house.operator(shell.trace).grant(value, reason))
        return value

    _granted(shell, operating(shell, work), "granted")


@command("revoke", short_help="Take back a grant, or the talent itself.")
@_NAME
@_GROUP
@click.option("--capability", metavar="CAPABILITY", help="Take back this grant only.")
@click.option("--on", "target", metavar="TARGET", help="Where the grant is, if there is more than one target.")
@changing
def revoke(
    shell: Shell, name: str | None, group: str | None, capability: str | None, target: str | None, why: str | None
) -> None:
    """Take back a grant, also one on a target that is gone; without --capability, revoke the talent for good."""
    reason = shell.why(why)
    if (name is None) == (group is None):
        stop("say whose: --name TALENT or --group GROUP")
    if capability is None:
        if name is None:
            stop("say which grant of the group: --capability CAPABILITY")
        ended = operating(shell, lambda house: _end(shell, house, name, reason))
        shell.result(
            {"talent": ended.as_json(), "change": "revoked"},
            lambda console: console.print(
                f"talent {ended.id} revoked; what it has under way stops before its next write"
            ),
        )
        return

    async def take_back(house: House) -> Grant:
        from infrafabric.control.records.grants import held_grant

        holder = house.talent_named(name) if name is not None else _group_holder(group or "")
        value = held_grant(house, holder, capability, target)
        await house.record(house.operator(shell.trace).grant(value, reason, "revoked"))
        return value

    _granted(shell, operating(shell, take_back), "revoked")


async def _end(shell: Shell, house: House, name: str, reason: str) -> Talent:
    value = house.authority.talent(house.talent_named(name))
    await house.record(house.operator(shell.trace).talent(value, reason, "revoked"))
    return value


def _condition(shell: Shell, given: str) -> dict[str, Any]:
    """The schema given with --only. Raises IF_ERR_GRANT_INVALID, IF_ERR_FILE_UNREADABLE, IF_ERR_TOO_LARGE."""
    from infrafabric.control.records.grants import MAX_ONLY, condition_of
    from infrafabric.kernel.canonical import loads

    if given == "@-":
        data = sys.stdin.buffer.read(MAX_ONLY + 1)
    elif given.startswith("@"):
        data = shell.read_file(Path(given[1:]), MAX_ONLY)
    else:
        data = given.encode()
    if len(data) > MAX_ONLY:
        raise FabricError(Code.TOO_LARGE, f"--only is larger than {MAX_ONLY} bytes")
    try:
        schema = loads(data, limit=MAX_ONLY)
    except FabricError as error:
        raise FabricError(Code.GRANT_INVALID, f"--only is not JSON: {error.message}") from None
    return condition_of(schema)


def _holder(house: House, name: str | None, group: str | None, tenant: str) -> tuple[str, str]:
    """Who holds the grant, and of which tenant."""
    if (name is None) == (group is None):
        stop("say to whom: --name TALENT or --group GROUP")
    if name is not None:
        who = house.authority.talent(house.talent_named(name))
        return who.id, who.tenant
    return _group_holder(group or ""), tenant


def _group_holder(group: str) -> str:
    from infrafabric.kernel.words.things import group_holder

    return group_holder(group)


def _granted(shell: Shell, value: Grant, what: str) -> None:
    short = value.capability.rpartition("/")[2]
    until = f" until {value.expires}" if value.expires and what == "granted" else ""
    narrowed = ", for some intents only" if value.only and what == "granted" else ""
    shell.result(
        {"grant": value.as_json(), "change": what},
        lambda console: console.print(f"{what}: {value.talent} {short} on {value.target}{narrowed}{until}"),
    )
