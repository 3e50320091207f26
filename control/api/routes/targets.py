"""`/v1/targets`: the systems that things are done to, as operators name them. Secrets are references, never values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from starlette.responses import Response

from infrafabric.control.api.administering import administering
from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.etags import Conditional
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.shapes.common import Because
from infrafabric.control.api.shapes.records import TargetChange, Targets, TargetTaken
from infrafabric.control.api.tenancy import HOME, place_of, sees
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.policies import doubtful_of_target, in_force
from infrafabric.control.records.targets import known_targets, remove_target, set_target, target_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.things import Target

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House

__all__ = ["router"]

router = Routes(prefix="/targets", tags=["targets"])


@router.get("", response_model=Targets)
async def all_of_them(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    tenant: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """The targets, how each was last found, and what is cut off."""
    place = place_of(service.house, caller, tenant)
    rows, following = paging.page(
        [row for row in known_targets(service.house) if row["tenant"] == place], lambda row: str(row["name"])
    )
    return listed({"targets": rows, "next": following}, response)


@router.get("/{name}", response_model=Target)
async def one(name: str, service: TheService, caller: Reading, conditions: Conditional) -> Response:
    """One target, as it is recorded: how it was last found, the list tells."""
    value = own_target(service.house, caller, name)
    return conditions.answer(value.as_json())


@router.put("/{name}", response_model=TargetChange, responses={201: {"model": TargetChange}})
async def put(
    name: str, given: TargetTaken, service: TheService, caller: Administering, trace: Trace, conditions: Conditional
) -> Response:
    """Name a system, or put what is given in the place of all that was said of it. Its breakers close with that."""
    house = service.house
    former = None
    if house.authority.get("target", name) is not None:
        former = own_target(house, caller, name)
    tenant = former.tenant if former is not None else given.tenant or caller.talent.tenant
    change = await administering(service, caller, given.why, trace, tenant)
    if former is not None and given.tenant not in (None, former.tenant):
        raise FabricError(Code.NAME_INVALID, f"{name} is of the tenant {former.tenant}, which never changes")
    conditions.may_change(former.as_json() if former is not None else None)
    members = given.model_dump(exclude={"why", "tenant"})
    value = target_of(name=name, tenant=tenant, **members)
    check_reach(house, caller, value, former)
    await set_target(house, change.operator, value, change.why, record=change.record)
    doubts = doubtful_of_target(house, value) if value.hazards and in_force(house) else {}
    shape: dict[str, Any] = {"target": value.as_json(), "change": "set" if former is not None else "added"}
    if doubts:
        notes = [f"nobody else speaks of the hazard {word}; did you mean {near}?" for word, near in doubts.items()]
        shape["notes"] = notes
    return answer(shape, 200 if former is not None else 201)


@router.post("/{name}/remove", response_model=TargetChange)
async def remove(
    name: str, given: Because, service: TheService, caller: Administering, trace: Trace, conditions: Conditional
) -> Response:
    """Forget a target and take back every grant on it."""
    house = service.house
    former = own_target(house, caller, name)
    change = await administering(service, caller, given.why, trace, former.tenant)
    conditions.may_change(former.as_json())
    value, grants = await remove_target(house, change.operator, name, change.why, record=change.record)
    revoked = [grant.as_json() for grant in grants]
    return answer({"target": value.as_json(), "change": "removed", "revoked": revoked})


def own_target(house: House, caller: Principal, name: str) -> Target:
    """A target that the caller sees. Raises IF_ERR_TARGET_UNKNOWN, alike for what is another tenant's."""
    value = house.authority.get("target", name)
    if value is None or not sees(house, caller, value["tenant"]):
        raise FabricError(Code.TARGET_UNKNOWN, f"there is no target {visible(name, 100)}")
    return Target.model_validate(value)


def check_reach(house: House, caller: Principal, value: Target, former: Target | None) -> None:
    """Raise IF_ERR_DENIED where a tenant's operator would reach beyond its tenant: to secrets that are not the tenant's
    own in the vault, or to address classes that the home's operators did not open for the target where it is."""
    if caller.talent.tenant == HOME:
        return
    stays = former is not None and former.settings == value.settings
    opened = former.allow_addresses if former is not None and stays else ()
    for one in value.allow_addresses:
        if one not in opened:
            raise FabricError(
                Code.DENIED, f"addresses of the class {one.value} are opened by the home's operators alone"
            )
    kept = house.vault.all_kept() if value.secrets else {}
    for reference in value.secrets.values():
        scheme, _, rest = reference.partition(":")
        secret = kept.get(rest.removesuffix("@former")) if scheme == "vault" else None
        if secret is None or secret.use.tenant != value.tenant:
            raise FabricError(Code.DENIED, f"{visible(reference, 100)} is no secret of the tenant {value.tenant}")
