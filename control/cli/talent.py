"""`ifctl talent`: who may do what: people, agents, services, and what they were granted."""

from __future__ import annotations

from collections.abc import Mapping
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
    from infrafabric.kernel.words.things import Grant, Talent

__all__ = ["talent"]

_NAME = click.option(
    "--name", required=True, metavar="TALENT", help="Finance.Agent, or in full if://agent/Finance.Agent."
)


@click.group("talent")
def talent() -> None:
    """Who may do what: people, agents, services and their grants."""


@talent.add_command
@command("add", short_help="Add a person, agent or service.")
@_NAME
@click.option(
    "--kind", type=click.Choice(["person", "agent", "service"]), default="agent", show_default=True, help="What it is."
)
@click.option("--role", "roles", metavar="ROLE", multiple=True, help="A role that policies speak of.")
@click.option("--owner", metavar="TALENT", help="Who answers for it; may not approve what it asks alone.")
@click.option("--key", metavar="BASE64", help="Its Ed25519 public key, for what it signs.")
@click.option("--confidence-required", is_flag=True, help="What it asks without a confidence counts as confidence 0.")
@click.option("--tenant", default="default", show_default=True, help="Whose it is.")
@changing
def add(
    shell: Shell,
    name: str,
    kind: str,
    roles: tuple[str, ...],
    owner: str | None,
    key: str | None,
    confidence_required: bool,
    tenant: str,
    why: str | None,
) -> None:
    """Add a talent. It may do nothing until it is granted something."""
    from infrafabric.kernel.words.names import talent_id
    from infrafabric.keys.signing import PublicKey

    reason = shell.why(why)
    enrolled = str(PublicKey.enrol(key)) if key is not None else None

    async def work(house: House) -> Talent:
        value = _talent(
            id=talent_id(name, kind),
            tenant=tenant,
            roles=roles,
            owner=house.talent_named(owner) if owner is not None else None,
            key=enrolled,
            confidence_required=confidence_required,
        )
        if house.authority.get("talent", value.id) is not None:
            raise FabricError(Code.EXISTS, f"there is a talent {value.id} already")
        await house.record(house.operator(shell.trace).talent(value, reason))
        return value

    value = operating(shell, work)
    shell.result(
        {"talent": value.as_json(), "change": "added"}, lambda console: console.print(f"talent {value.id} added")
    )


@talent.add_command
@command("grant", short_help="Let a talent use a capability on a target.")
@_NAME
@click.option("--capability", required=True, metavar="CAPABILITY", help="What it may plan and apply.")
@click.option("--on", "target", metavar="TARGET", help="Where, if there is more than one target of the product.")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    help="Only while the manifest asks for no other scopes than these.",
)
@changing
def grant(
    shell: Shell, name: str, capability: str, target: str | None, scopes: tuple[str, ...], why: str | None
) -> None:
    """Grant a talent a capability on one target: to plan it, which shows what is there, and to apply it."""
    reason = shell.why(why)

    async def work(house: House) -> Grant:
        value = _grant(house, name, capability, target, scopes)
        offered = [manifest for manifest in house.manifests() if manifest.id == value.capability]
        if not offered:
            shell.say(f"note: no installed adapter offers {visible(value.capability)} yet")
        else:
            _check_scopes(value, {scope for manifest in offered for scope in manifest.scopes})
        await house.record(house.operator(shell.trace).grant(value, reason))
        return value

    _granted(shell, operating(shell, work), "granted")


@talent.add_command
@command("revoke", short_help="Take back a grant, or the talent itself.")
@_NAME
@click.option("--capability", metavar="CAPABILITY", help="Take back this grant only.")
@click.option("--on", "target", metavar="TARGET", help="Where the grant is, if there is more than one target.")
@changing
def revoke(shell: Shell, name: str, capability: str | None, target: str | None, why: str | None) -> None:
    """Take back a grant, also one on a target that is gone; without --capability, revoke the talent for good."""
    reason = shell.why(why)
    if capability is None:

        async def end(house: House) -> Talent:
            value = house.authority.talent(house.talent_named(name))
            await house.record(house.operator(shell.trace).talent(value, reason, "revoked"))
            return value

        ended = operating(shell, end)
        shell.result(
            {"talent": ended.as_json(), "change": "revoked"},
            lambda console: console.print(
                f"talent {ended.id} revoked; what it has under way stops before its next write"
            ),
        )
        return

    async def take_back(house: House) -> Grant:
        value = _held(house, name, capability, target)
        await house.record(house.operator(shell.trace).grant(value, reason, "revoked"))
        return value

    _granted(shell, operating(shell, take_back), "revoked")


@talent.add_command
@command("list", short_help="All talents and what they may do.")
def list_(shell: Shell) -> None:
    """List the talents with their roles and grants."""

    def find(house: House) -> list[dict[str, Any]]:
        grants = [value for _, value in house.authority.scan("grant")]
        return [
            {**value, "grants": [one for one in grants if one["talent"] == name]}
            for name, value in house.authority.scan("talent")
        ]

    rows = look(shell, find)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("talent", "roles", "may do")
        for row in rows:
            grants = [
                f"{visible(one['capability'].rpartition('/')[2])} on {visible(one['target'])}{_only(one)}"
                for one in row["grants"]
            ]
            may = "revoked" if row["revoked"] else "\n".join(grants) or "nothing yet"
            table.add_row(Text(visible(row["id"])), Text(", ".join(row.get("roles", ()))), Text(may))
        console.print(table if rows else "no talents")

    shell.result({"talents": rows}, render)


def _talent(**members: Any) -> Talent:
    from pydantic import ValidationError

    from infrafabric.kernel.words.things import Talent

    try:
        return Talent(**members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.NAME_INVALID, f"{where}: {first['msg']}") from None


def _grant(house: House, name: str, capability: str, target: str | None, scopes: tuple[str, ...]) -> Grant:
    from pydantic import ValidationError

    from infrafabric.kernel.words.names import capability_id
    from infrafabric.kernel.words.things import Grant

    who = house.authority.talent(house.talent_named(name))
    what = capability_id(capability)
    where = house.authority.target_for(what, target, who.tenant)
    try:
        return Grant(talent=who.id, capability=what, target=where.name, tenant=who.tenant, scopes=scopes)
    except ValidationError:
        raise FabricError(Code.NAME_INVALID, "a scope looks like studio:control") from None


def _check_scopes(value: Grant, known: set[str]) -> None:
    """Raises IF_ERR_SCOPE_UNKNOWN where the grant names a scope that no installed manifest asks for."""
    for scope in value.scopes:
        if scope not in known:
            names = ", ".join(sorted(known)) or "none"
            message = f"{value.capability} asks for no scope {scope}; its scopes: {names}"
            raise FabricError(Code.SCOPE_UNKNOWN, message)


def _held(house: House, name: str, capability: str, target: str | None) -> Grant:
    """The grant that stands, whether or not its target still does.

    Raises IF_ERR_NOT_GRANTED, IF_ERR_TARGET_AMBIGUOUS.
    """
    from infrafabric.kernel.words.names import capability_id
    from infrafabric.kernel.words.things import Grant

    who, what = house.talent_named(name), capability_id(capability)
    grants = [Grant.model_validate(value) for _, value in house.authority.scan("grant", f"{who} {what} ")]
    found = [grant for grant in grants if target is None or grant.target == target]
    if not found:
        where = f" on {visible(target, 100)}" if target is not None else ""
        raise FabricError(Code.NOT_GRANTED, f"{who} holds no grant of {what}{where}")
    if len(found) > 1:
        places = ", ".join(grant.target for grant in found)
        raise FabricError(Code.TARGET_AMBIGUOUS, f"{who} holds grants of {what} on {places}")
    return found[0]


def _only(grant: Mapping[str, Any]) -> str:
    scopes = grant.get("scopes", ())
    return f" only for {', '.join(map(visible, scopes))}" if scopes else ""


def _granted(shell: Shell, value: Grant, what: str) -> None:
    short = value.capability.rpartition("/")[2]
    shell.result(
        {"grant": value.as_json(), "change": what},
        lambda console: console.print(f"{what}: {value.talent} {short} on {value.target}"),
    )
