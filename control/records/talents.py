"""Talents as operators' records: what one may be, whose it is, and whose its key is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.things import Talent

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["check_unused", "owner_of", "talent_of"]


def talent_of(**members: Any) -> Talent:
    """The word `Talent`. Raises IF_ERR_NAME_INVALID."""
    try:
        return Talent(**members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.NAME_INVALID, f"{where}: {first['msg']}") from None


def owner_of(house: House, name: str, owned: str, tenant: str) -> str:
    """The owner's id. Raises IF_ERR_TALENT_UNKNOWN also for one of another tenant; IF_ERR_USAGE for one that `owned`
    owns at any depth, or is: nobody would answer for either."""
    owner = house.authority.talent(house.talent_named(name))
    if owner.tenant != tenant:
        raise FabricError(Code.TALENT_UNKNOWN, f"there is no talent {owner.id} in the tenant {tenant}")
    above, seen = owner.id, set[str]()
    while above and above not in seen:
        if above == owned:
            by = "itself" if owner.id == owned else f"{owner.id}, which it owns"
            raise FabricError(Code.USAGE, f"{owned} cannot be owned by {by}: in the end a person answers for a talent")
        seen.add(above)
        above = (house.authority.get("talent", above) or {}).get("owner") or ""
    return owner.id


def check_unused(house: House, public: str, talent: str, names: Callable[[str], bool] = lambda tenant: True) -> None:
    """Refuse a key that is someone else's: who signed what must never be in question. The other is named where `names`
    says so of its tenant. Raises IF_ERR_EXISTS."""
    for other, value in house.authority.scan("talent"):
        if other != talent and value.get("key") == public:
            whose = other if names(value["tenant"]) else "another talent"
            raise FabricError(Code.EXISTS, f"that is the key of {whose}: each talent has one of its own")
