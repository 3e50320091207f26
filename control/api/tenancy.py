"""Whose things a caller sees: its tenant's alone. What is another tenant's is, in the same words, not there.

The tenant `default` is the home's own: its operators administer the others' records too, and so see them. What was
asked, decided and done is never anyone's but its tenant's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.api.principal import Principal
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.names import talent_id
from infrafabric.policy.roles import held

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["HOME", "administers", "check_home", "is_operator", "own_action", "own_talent", "place_of", "sees"]

HOME = "default"
"""The tenant that administers the home."""
OPERATOR_ROLE = "operator"
KINDS = ("person", "agent", "service")


def is_operator(house: House, caller: Principal) -> bool:
    """Whether the caller holds the role `operator` in its tenant, by itself or included."""
    talent = caller.talent
    return OPERATOR_ROLE in held(talent.roles, house.authority, talent.tenant)


def administers(house: House, caller: Principal, tenant: str) -> bool:
    """Whether the caller's records to change are those of `tenant`, among others perhaps."""
    return caller.talent.tenant in (tenant, HOME) and is_operator(house, caller)


def sees(house: House, caller: Principal, tenant: str) -> bool:
    """Whether the records of `tenant` are there for the caller."""
    if caller.talent.tenant == tenant:
        return True
    return AccessScope.ADMINISTER in caller.scopes and administers(house, caller, tenant)


def place_of(house: House, caller: Principal, tenant: str | None) -> str | None:
    """The tenant that a list is about: the one that was named, else the caller's own. None for one that the caller does
    not see: its list is as empty as that of a tenant that is not there."""
    wanted = caller.talent.tenant if tenant is None else tenant
    return wanted if sees(house, caller, wanted) else None


def check_home(caller: Principal, what: str) -> None:
    """Raise IF_ERR_DENIED where what is the whole home's is asked for by another tenant than its own."""
    if caller.talent.tenant != HOME:
        raise FabricError(Code.DENIED, f"{what} is the whole home's, and {caller.talent.tenant} is a tenant in it")


def own_action(house: House, caller: Principal, action: str) -> dict[str, Any]:
    """The fact of an action of the caller's tenant. Raises IF_ERR_ACTION_UNKNOWN, alike for what is another's."""
    asked = house.reading.facts.get("action", action)
    if asked is None or asked["tenant"] != caller.talent.tenant:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {visible(action, 60)}")
    return dict(asked)


def own_talent(house: House, caller: Principal, name: str) -> str:
    """The full id of a talent, given in full or by its bare name, that the caller sees, also of a revoked one.

    Raises IF_ERR_NAME_INVALID, IF_ERR_TALENT_UNKNOWN, alike for what is another tenant's.
    """
    ids = [talent_id(name)] if name.startswith("if://") else [talent_id(name, kind) for kind in KINDS]
    known = {one: house.authority.get("talent", one) for one in ids}
    found = [one for one, value in known.items() if value is not None and sees(house, caller, value["tenant"])]
    if not found:
        raise FabricError(Code.TALENT_UNKNOWN, f"there is no talent {visible(name, 100)}")
    if len(found) > 1:
        raise FabricError(Code.NAME_INVALID, f"{name} could be {' or '.join(found)}")
    return found[0]
