"""Grants as operators' records: what a talent or a group may do where, for which intents, until when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.granting import unknown_fields
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import capability_id
from infrafabric.kernel.words.things import Grant
from infrafabric.registry.schemas import check_schema

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["MAX_ONLY", "check_grant", "condition_of", "grant_of", "held_grant", "parse_expires"]

MAX_ONLY = 16 << 10
"""Bytes of a condition: some hundred scenes by name."""
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def grant_of(house: House, holder: str, tenant: str, capability: str, target: str | None, **members: Any) -> Grant:
    """The word `Grant`. Raises IF_ERR_NAME_INVALID, IF_ERR_TARGET_*."""
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


def condition_of(schema: object) -> dict[str, Any]:
    """The JSON Schema by which a grant is narrowed. Raises IF_ERR_GRANT_INVALID."""
    if not isinstance(schema, dict) or not schema:
        raise FabricError(Code.GRANT_INVALID, "--only is no JSON Schema: it is an object with a rule for some fields")
    try:
        check_schema(schema, "--only")
    except FabricError as error:
        raise FabricError(Code.GRANT_INVALID, error.message) from None
    return schema


def check_grant(house: House, value: Grant) -> list[str]:
    """Refuse a grant that names what no installed version of its capability has; what else is odd of it, in words.

    Raises IF_ERR_SCOPE_UNKNOWN, IF_ERR_GRANT_INVALID.
    """
    offered = [manifest for manifest in house.manifests() if manifest.id == value.capability]
    if not offered:
        return [f"no installed adapter offers {visible(value.capability)} yet"]
    _check_scopes(value, {scope for manifest in offered for scope in manifest.scopes})
    notes = _check_condition(value, offered)
    former = house.authority.get("grant", value.key)
    if former is not None and former != value.as_json():
        notes.append("this takes the place of a former grant for the same talent, capability and target")
    return notes


def held_grant(house: House, who: str, capability: str, target: str | None) -> Grant:
    """The grant that stands, whether or not its target still does.

    Raises IF_ERR_NOT_GRANTED, IF_ERR_TARGET_AMBIGUOUS.
    """
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
        raise FabricError(Code.USAGE, f"--expires: {when:%Y-%m-%dT%H:%M:%SZ} is over: it would allow nothing")
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_condition(value: Grant, offered: Sequence[Manifest]) -> list[str]:
    """Refuse a condition on fields that no installed version has: it would narrow nothing.

    What else is odd of it, in words. Raises IF_ERR_GRANT_INVALID.
    """
    notes = []
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
            notes.append(f"an intent without {fields} passes too; name it under `required` if it should not")
    return notes


def _check_scopes(value: Grant, known: set[str]) -> None:
    """Raises IF_ERR_SCOPE_UNKNOWN where the grant names a scope that no installed manifest asks for."""
    for scope in value.scopes:
        if scope not in known:
            names = ", ".join(sorted(known)) or "none"
            message = f"{value.capability} asks for no scope {scope}; its scopes: {names}"
            raise FabricError(Code.SCOPE_UNKNOWN, message)
