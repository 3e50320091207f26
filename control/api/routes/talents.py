"""`/v1/talents`: people, agents and services, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from starlette.responses import Response

from infrafabric.control.api.administering import administering
from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.etags import Conditional
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.principal import PERSON
from infrafabric.control.api.shapes.common import Because
from infrafabric.control.api.shapes.records import (
    TalentAdded,
    TalentChange,
    TalentKey,
    Talents,
    TalentShown,
    TalentTaken,
)
from infrafabric.control.api.tenancy import own_talent, place_of, sees
from infrafabric.control.cli.talent_view import list_json, show_json
from infrafabric.control.records.talents import check_unused, owner_of, talent_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import talent_id
from infrafabric.keys.signing import PublicKey

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Talent

__all__ = ["router"]

router = Routes(prefix="/talents", tags=["talents"])


@router.get("", response_model=Talents)
async def all_of_them(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    group: Annotated[str | None, Query(max_length=40)] = None,
    tenant: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """The talents with their roles and grants."""
    place = place_of(service.house, caller, tenant)
    found = list_json(service.house, place, group) if place is not None else []
    rows, following = paging.page(found, lambda row: str(row["id"]))
    return listed({"talents": rows, "next": following}, response)


@router.post("", response_model=TalentChange, status_code=201)
async def add(given: TalentAdded, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Add a talent. It may do nothing until it, or a group that it is of, is granted something."""
    house = service.house
    tenant = given.tenant or caller.talent.tenant
    change = await administering(service, caller, given.why, trace, tenant)
    name = talent_id(given.name, given.kind)
    enrolled = _enrolled(caller, name, given.key) if given.key is not None else None
    members = given.model_dump(exclude={"why", "tenant", "name", "kind", "key", "owner"})
    value = talent_of(
        id=name,
        tenant=tenant,
        key=enrolled,
        owner=owner_of(house, own_talent(house, caller, given.owner), name, tenant) if given.owner else None,
        **members,
    )
    if house.authority.get("talent", value.id) is not None:
        raise FabricError(Code.EXISTS, f"the name {value.id} is taken")
    await change.record(change.operator.talent(value, change.why), also=_unused(house, caller, value))
    return answer({"talent": value.as_json(), "change": "added"}, 201)


@router.post("/{name:path}/revoke", response_model=TalentChange)
async def revoke(name: str, given: Because, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Revoke a talent for good. What it has under way stops before its next write."""
    house = service.house
    value = house.authority.talent(own_talent(house, caller, name))
    change = await administering(service, caller, given.why, trace, value.tenant)
    await change.record(change.operator.talent(value, change.why, "revoked"))
    return answer({"talent": value.as_json(), "change": "revoked"})


@router.put("/{name:path}/key", response_model=TalentChange)
async def key(name: str, given: TalentKey, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Enrol the public key that a talent made. Approvals by a former key that were not used yet count no longer.

    Whoever has a person's key is that person: it is enrolled by a person who is there, never by an API key or token.
    """
    house = service.house
    value = house.authority.talent(own_talent(house, caller, name))
    change = await administering(service, caller, given.why, trace, value.tenant)
    enrolled = _enrolled(caller, value.id, given.key)
    if value.key is not None and not given.replace:
        raise FabricError(
            Code.EXISTS, f"{value.id} has the key {value.key} already", remedy='Give another in its place: "replace".'
        )
    changed = value.model_copy(update={"key": enrolled})
    await change.record(change.operator.talent(changed, change.why), also=_unused(house, caller, changed))
    return answer({"talent": changed.as_json(), "change": "key"})


@router.get("/{name:path}", response_model=TalentShown)
async def one(name: str, service: TheService, caller: Reading, conditions: Conditional) -> Response:
    """What a talent is and may do, and by which grants: its own and its groups'."""
    return conditions.answer(show_json(service.house, own_talent(service.house, caller, name)))


@router.put("/{name:path}", response_model=TalentChange)
async def put(
    name: str, given: TalentTaken, service: TheService, caller: Administering, trace: Trace, conditions: Conditional
) -> Response:
    """Put what is given in the place of all that was said of a talent but its key and its tenant. What it has under way
    stops before its next write."""
    house = service.house
    old = house.authority.talent(own_talent(house, caller, name))
    change = await administering(service, caller, given.why, trace, old.tenant)
    conditions.may_change(show_json(house, old.id))
    members: dict[str, Any] = given.model_dump(exclude={"why", "owner"})
    owner = own_talent(house, caller, given.owner) if given.owner else None
    value = talent_of(
        id=old.id,
        tenant=old.tenant,
        key=old.key,
        owner=owner_of(house, owner, old.id, old.tenant) if owner else None,
        **members,
    )
    await change.record(change.operator.talent(value, change.why))
    return answer({"talent": value.as_json(), "change": "set"})


def _enrolled(caller: Principal, talent: str, key: str) -> str:
    """The public key to record. Raises IF_ERR_DENIED for a person's where the caller is nobody in person, and what
    `PublicKey.enrol` raises."""
    if talent.startswith(PERSON):
        caller.require_person(f"the key of {talent} is enrolled by a person alone")
    return str(PublicKey.enrol(key))


def _unused(house: House, caller: Principal, value: Talent) -> Callable[[], None]:
    """What raises where the key of `value` is another's by now."""

    def check() -> None:
        if value.key is not None:
            check_unused(house, value.key, value.id, lambda tenant: sees(house, caller, tenant))

    return check
