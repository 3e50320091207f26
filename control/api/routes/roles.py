"""`/v1/roles`: roles that include others, so that policies and approvals name one and mean many."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from infrafabric.control.api.administering import administering
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.shapes.records import RoleChange, RoleRemoved, Roles, RoleTaken
from infrafabric.control.api.tenancy import place_of
from infrafabric.control.records.roles import defined_role, known_roles, role_of
from infrafabric.policy.roles import held

__all__ = ["router"]

router = Routes(prefix="/roles", tags=["roles"])


@router.get("", response_model=Roles)
async def all_of_them(
    service: TheService, caller: Reading, tenant: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """The roles that were defined or that a talent has, with all that they include and who has them."""
    place = place_of(service.house, caller, tenant)
    return answer({"roles": known_roles(service.house, place) if place is not None else []})


@router.put("/{name}", response_model=RoleChange)
async def put(name: str, given: RoleTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Define a role, or define it anew: what it includes takes the place of what it included."""
    house = service.house
    tenant = given.tenant or caller.talent.tenant
    change = await administering(service, caller, given.why, trace, tenant)
    value = role_of(name=name, tenant=tenant, includes=tuple(dict.fromkeys(given.includes)))
    await change.record(change.operator.role(value, change.why))
    holds = sorted(held([value.name], house.authority, tenant) - {value.name})
    return answer({"role": value.as_json(), "change": "set", "holds": holds})


@router.post("/{name}/remove", response_model=RoleChange)
async def remove(name: str, given: RoleRemoved, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Forget a role's definition: it includes no other from then on. Talents that have it keep it."""
    tenant = given.tenant or caller.talent.tenant
    change = await administering(service, caller, given.why, trace, tenant)
    found = defined_role(service.house, role_of(name=name, tenant=tenant))
    await change.record(change.operator.role(found, change.why, "removed"))
    return answer({"role": found.as_json(), "change": "removed"})
