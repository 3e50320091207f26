"""`/v1/grants`: what a talent or a group may do where, for which intents, until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from starlette.responses import Response

from infrafabric.control.api.administering import administering
from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.shapes.records import GrantChange, GrantPlace, GrantRevoked, Grants, GrantTaken
from infrafabric.control.api.tenancy import own_talent, place_of
from infrafabric.control.records.grants import check_grant, condition_of, grant_of, held_grant, parse_expires
from infrafabric.kernel.clock import moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id
from infrafabric.kernel.words.things import Grant, group_holder

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House

__all__ = ["router"]

router = Routes(prefix="/grants", tags=["grants"])


@router.get("", response_model=Grants)
async def all_of_them(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    talent: Annotated[str, Query(max_length=300)] = "",
    capability: Annotated[str, Query(max_length=300)] = "",
    target: Annotated[str, Query(max_length=100)] = "",
    tenant: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """The grants; one that has ended is marked."""
    house, place = service.house, place_of(service.house, caller, tenant)
    who = own_talent(house, caller, talent) if talent else ""
    what = capability_id(capability) if capability else ""
    now = house.clock()
    rows: list[dict[str, Any]] = [
        {"id": key, **value, "ended": bool(value.get("expires")) and now >= moment(value["expires"])}
        for key, value in house.authority.scan("grant")
        if value["tenant"] == place
        and who in ("", value["talent"])
        and what in ("", value["capability"])
        and target in ("", value["target"])
    ]
    found, following = paging.page(rows, lambda row: str(row["id"]))
    return listed({"grants": found, "next": following}, response)


@router.put("", response_model=GrantChange)
async def put(given: GrantTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Grant a talent, or a group, a capability on one target. It takes the place of a former grant for the same."""
    house = service.house
    holder, tenant = _holder(house, caller, given)
    change = await administering(service, caller, given.why, trace, tenant)
    if not holder.startswith("group:"):
        house.authority.talent(holder)  # a revoked one is granted nothing
    value = grant_of(
        house,
        holder,
        tenant,
        given.capability,
        given.target,
        scopes=given.scopes,
        only=condition_of(given.only) if given.only else {},
        expires=parse_expires(given.expires, house.clock()) if given.expires else "",
    )
    notes = check_grant(house, value)
    await change.record(change.operator.grant(value, change.why))
    shape: dict[str, Any] = {"grant": value.as_json(), "change": "granted"}
    return answer({**shape, "notes": notes} if notes else shape)


@router.post("/revoke", response_model=GrantChange)
async def revoke(given: GrantRevoked, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Take back a grant, also one on a target that is gone."""
    house = service.house
    holder, tenant = _holder(house, caller, given)
    change = await administering(service, caller, given.why, trace, tenant)
    value = _held(house, holder, tenant, given)
    await change.record(change.operator.grant(value, change.why, "revoked"))
    return answer({"grant": value.as_json(), "change": "revoked"})


def _holder(house: House, caller: Principal, given: GrantPlace) -> tuple[str, str]:
    """Who holds the grant, and of which tenant. Raises IF_ERR_USAGE unless one of talent and group is named."""
    if (given.talent is None) == (given.group is None):
        raise FabricError(Code.USAGE, "say whose grant: one of talent and group")
    if given.talent is None:
        return group_holder(given.group or ""), given.tenant or caller.talent.tenant
    who = own_talent(house, caller, given.talent)
    found = house.authority.get("talent", who)
    assert found is not None, "a talent that was found"
    return who, str(found["tenant"])


def _held(house: House, holder: str, tenant: str, given: GrantPlace) -> Grant:
    """The grant that stands. A group's name may be another tenant's too: its grants are none here."""
    value = held_grant(house, holder, given.capability, given.target)
    if value.tenant != tenant:
        where = f" on {given.target}" if given.target is not None else ""
        raise FabricError(Code.NOT_GRANTED, f"{holder} holds no grant of {value.capability}{where}")
    return value
