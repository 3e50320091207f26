"""Roles as operators' records: what each includes, and who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.policy import Role
from infrafabric.policy.roles import held

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["defined_role", "known_roles", "role_of"]


def role_of(**members: Any) -> Role:
    """The word `Role`. Raises IF_ERR_NAME_INVALID."""
    try:
        return Role(**members)
    except ValidationError as error:
        member = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        what = "a tenant" if member == "tenant" else "a role"
        raise FabricError(Code.NAME_INVALID, f"{what} is lower-case letters, digits and -") from None


def defined_role(house: House, asked: Role) -> Role:
    """The definition that stands under the same tenant and name. Raises IF_ERR_NAME_INVALID where there is none."""
    value = house.authority.get("role", asked.key)
    if value is None:
        raise FabricError(Code.NAME_INVALID, f"no role {asked.name} is defined in the tenant {asked.tenant}")
    return Role.model_validate(value)


def known_roles(house: House, tenant: str | None) -> list[dict[str, Any]]:
    """The roles that were defined or that a talent has, of one tenant where it is named."""
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
