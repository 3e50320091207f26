"""`ifctl talent grant` and `revoke`: what a talent, or a group of them, may do where, for which intents, until when."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.words.manifest import Manifest
    from infrafabric.kernel.words.things import Grant, Talent

__all__ = ["grant", "parse_expires", "revoke"]

MAX_ONLY = 16 << 10
"""Bytes of a condition: some hundred scenes by name."""
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

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
    reason = shell.why(why)
    condition = _condition(shell, only) if only is not None else {}

    async def work(house: House) -> Grant:
        holder, tenant_of = _holder(house, name, group, tenant)
        value = _grant(
            house,
            holder,
            tenant_of,
            capability,
            target,
            scopes=scopes,
            only=condition,
            expires=parse_expires(expires, house.clock()) if expires is not None else "",
        )
        offered = [manifest for manifest in house.manifests() if manifest.id == value.capability]
        if not offered:
            shell.say(f"note: no installed adapter offers {visible(value.capability)} yet")
        else:
            _check_scopes(value, {scope for manifest in offered for scope in manifest.scopes})
            _check_condition(shell, value, offered)
        former = house.authority.get("grant", value.key)
        if former is not None and former != value.as_json():
            shell.say("note: this takes the place of a former grant for the same talent, capability and target")
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
        holder = house.talent_named(name) if name is not None else _group_holder(group or "")
        value = _held(house, holder, capability, target)
        await house.record(house.operator(shell.trace).grant(value, reason, "revoked"))
        return value

    _granted(shell, operating(shell, take_back), "revoked")


async def _end(shell: Shell, house: House, name: str, reason: str) -> Talent:
    value = house.authority.talent(house.talent_named(name))
    await house.record(house.operator(shell.trace).talent(value, reason, "revoked"))
    return value


def parse_expires(text: str, now: datetime) -> str:
    """RFC 3339 of a span from now (90m, 12h, 7d, 2w), a day (its beginning) or a time; UTC where no zone is named.

    Raises IF_ERR_USAGE for what is neither, and for what is over.
    """
    found = _SPAN.fullmatch(text)
    try:
        if found:
            when = now + timedelta(**{_UNITS[found[2]]: int(found[1])})
        else:
            when = datetime.fromisoformat(text)
            when = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        said = f"--expires: {visible(text, 60)!r} is no time; one is 7d, 12h, 2027-12-01 or 2027-12-01T18:00:00Z"
        raise FabricError(Code.USAGE, said) from None
    if when <= now:
        raise FabricError(Code.USAGE, f"--expires: {when:%Y-%m-%dT%H:%M:%SZ} is over: the grant would allow nothing")
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(shell: Shell, given: str) -> dict[str, Any]:
    """The schema given with --only. Raises IF_ERR_GRANT_INVALID, IF_ERR_FILE_UNREADABLE, IF_ERR_TOO_LARGE."""
    from infrafabric.kernel.canonical import loads
    from infrafabric.registry.schemas import check_schema

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
    if not isinstance(schema, dict) or not schema:
        raise FabricError(Code.GRANT_INVALID, "--only is no JSON Schema: it is an object with a rule for some fields")
    try:
        check_schema(schema, "--only")
    except FabricError as error:
        raise FabricError(Code.GRANT_INVALID, error.message) from None
    return schema


def _check_condition(shell: Shell, value: Grant, offered: list[Manifest]) -> None:
    """Refuse a condition on fields that no installed version has: it would narrow nothing."""
    from infrafabric.kernel.granting import unknown_fields

    for manifest in offered:
        unknown = unknown_fields(value.only, manifest)
        if unknown:
            known = ", ".join(sorted(manifest.intent.get("properties", ()))) or "none"
            name = f"{manifest.name} {manifest.version}"
            message = f"--only narrows {visible(', '.join(unknown), 200)}, which {name} does not take; it takes {known}"
            raise FabricError(Code.GRANT_INVALID, message)
        sure = {*value.only.get("required", ()), *manifest.intent.get("required", ())}
        loose = sorted(set(value.only.get("properties", ())) - sure)
        if loose:
            fields = visible(", ".join(loose), 200)
            shell.say(f"note: an intent without {fields} passes too; name it under `required` if it should not")


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


def _grant(house: House, holder: str, tenant: str, capability: str, target: str | None, **members: Any) -> Grant:
    from pydantic import ValidationError

    from infrafabric.kernel.words.names import capability_id
    from infrafabric.kernel.words.things import Grant

    what = capability_id(capability)
    where = house.authority.target_for(what, target, tenant)
    try:
        return Grant(talent=holder, capability=what, target=where.name, tenant=tenant, **members)
    except ValidationError as error:
        member = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        if member == "scopes":
            raise FabricError(Code.NAME_INVALID, "a scope looks like studio:control") from None
        said = "a group is lower-case letters, digits and -" if member == "talent" else f"{member} is of another form"
        raise FabricError(Code.NAME_INVALID, said) from None


def _check_scopes(value: Grant, known: set[str]) -> None:
    """Raises IF_ERR_SCOPE_UNKNOWN where the grant names a scope that no installed manifest asks for."""
    for scope in value.scopes:
        if scope not in known:
            names = ", ".join(sorted(known)) or "none"
            message = f"{value.capability} asks for no scope {scope}; its scopes: {names}"
            raise FabricError(Code.SCOPE_UNKNOWN, message)


def _held(house: House, who: str, capability: str, target: str | None) -> Grant:
    """The grant that stands, whether or not its target still does.

    Raises IF_ERR_NOT_GRANTED, IF_ERR_TARGET_AMBIGUOUS.
    """
    from infrafabric.kernel.words.names import capability_id
    from infrafabric.kernel.words.things import Grant

    what = capability_id(capability)
    grants = [Grant.model_validate(value) for _, value in house.authority.scan("grant", f"{who} {what} ")]
    found = [grant for grant in grants if target is None or grant.target == target]
    if not found:
        where = f" on {visible(target, 100)}" if target is not None else ""
        raise FabricError(Code.NOT_GRANTED, f"{visible(who, 100)} holds no grant of {what}{where}")
    if len(found) > 1:
        places = ", ".join(grant.target for grant in found)
        raise FabricError(Code.TARGET_AMBIGUOUS, f"{visible(who, 100)} holds grants of {what} on {places}")
    return found[0]


def _granted(shell: Shell, value: Grant, what: str) -> None:
    short = value.capability.rpartition("/")[2]
    until = f" until {value.expires}" if value.expires and what == "granted" else ""
    narrowed = ", for some intents only" if value.only and what == "granted" else ""
    shell.result(
        {"grant": value.as_json(), "change": what},
        lambda console: console.print(f"{what}: {value.talent} {short} on {value.target}{narrowed}{until}"),
    )
