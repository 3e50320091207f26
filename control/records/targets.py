"""Targets as operators' records: what one may be, setting and removing it, and how each is known to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.control.breaking import known_breakers
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.health import forget_health, known_health
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import product_of
from infrafabric.kernel.words.things import Grant, Target

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.control.operator import Operator

__all__ = ["check_known", "known_targets", "remove_target", "set_target", "target_of"]

Record = Callable[..., Awaitable[object]]
"""Appends entries, or raises."""


def target_of(**members: Any) -> Target:
    """The word `Target`. Raises IF_ERR_NAME_INVALID or IF_ERR_TARGET_SETTINGS without repeating a value."""
    try:
        return Target(**members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        member = str(first["loc"][0])
        if member == "name":
            message = f"{visible(members['name'], 80)!r} is no target; one looks like vmix@studio-a"
            raise FabricError(Code.NAME_INVALID, message) from None
        if member == "tenant":
            raise FabricError(Code.NAME_INVALID, "a tenant is lower-case letters, digits and -") from None
        where = " ".join(visible(part, 80) for part in first["loc"] if part != "[key]")
        raise FabricError(Code.TARGET_SETTINGS, f"{where}: {first['msg']}") from None


def check_known(house: House, value: Target) -> None:
    """Refuse settings and secrets that no installed capability of the product knows, and secrets in the clear."""
    product = product_of(value.name)
    manifests = [manifest for manifest in house.manifests() if product_of(manifest.id) == product]
    if not manifests:
        return
    settings = {name for manifest in manifests for name in (*manifest.requires.settings, *manifest.requires.optional)}
    secrets = {name for manifest in manifests for name in manifest.requires.secrets}
    for name in value.settings:
        if name in secrets:
            raise FabricError(
                Code.SECRET_REFERENCE, f"{name} is a secret of {product}: give it as a reference, {name}=vault:…"
            )
        if name not in settings:
            known = ", ".join(sorted(settings)) or "none"
            raise FabricError(Code.TARGET_SETTINGS, f"{product} knows no setting {name}; it knows {known}")
    for name in value.secrets:
        if name not in secrets:
            known = ", ".join(sorted(secrets)) or "none"
            raise FabricError(Code.TARGET_SETTINGS, f"{product} knows no secret {name}; it knows {known}")
    writes = {name for manifest in manifests for name, effect in manifest.effects.items() if not effect.is_read}
    for name in value.hazards:
        if name not in (*writes, "any"):
            known = ", ".join(sorted(writes)) or "none"
            raise FabricError(Code.TARGET_SETTINGS, f"{product} has no write {visible(name, 60)}; it has any, {known}")


def known_targets(house: House) -> list[dict[str, Any]]:
    """The targets, each with its noted health, null where none is noted, and its breakers that are not closed."""
    seen, breakers = known_health(house.home.root), known_breakers(house.reading.facts)
    rows = []
    for name, value in house.authority.scan("target"):
        health = seen.get(name)
        row = {**value, "health": None if health is None else health.as_json(), "breakers": breakers.get(name, [])}
        rows.append(row)
    return rows


async def set_target(house: House, operator: Operator, value: Target, why: str, record: Record | None = None) -> None:
    """Record the target as a whole, by `record` or as `House.record` does. Raises as `check_known` and that do."""
    check_known(house, value)
    await (record or house.record)(operator.target(value, why))
    forget_health(house.home.root, value.name)


async def remove_target(
    house: House, operator: Operator, name: str, why: str, record: Record | None = None
) -> tuple[Target, list[Grant]]:
    """Forget a target and take back every grant on it. Raises IF_ERR_TARGET_UNKNOWN."""
    value = house.authority.target(name)
    grants = [Grant.model_validate(one) for _, one in house.authority.scan("grant") if one["target"] == name]
    revoked = [operator.grant(grant, why, "revoked") for grant in grants]
    await (record or house.record)(*revoked, operator.target(value, why, "removed"))
    forget_health(house.home.root, name)
    return value, grants
