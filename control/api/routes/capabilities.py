"""`/v1/capabilities`: what can be done, where, and by whom."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import orjson
from starlette.requests import Request
from starlette.responses import Response

from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Reading, TheService, service_of
from infrafabric.control.api.etags import Conditional, etag_of
from infrafabric.control.api.shapes.capabilities import Capabilities, Capability, CapabilityTargets, Found, Sought
from infrafabric.control.api.tenancy import HOME, own_talent
from infrafabric.control.breaking import known_breakers
from infrafabric.control.cli.capability_view import list_json, show_json
from infrafabric.control.health import known_health
from infrafabric.control.matching import HouseMatcher
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.matching import Task, best
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.names import capability_id, product_of
from infrafabric.kernel.words.things import Talent, group_holder

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["every", "router"]

_TENANTS = 1_000

router = Routes(tags=["capabilities"])


class _Lists:
    """The list of each tenant as bytes, for as long as what it depends on stays as it is."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[House, dict[str, tuple[tuple[object, ...], bytes, str]]] = WeakKeyDictionary()

    def of(self, house: House, tenant: str) -> tuple[bytes, str]:
        """The answer and its ETag."""
        depends, made = _depends(house, tenant), self._made.setdefault(house, {})
        kept = made.get(tenant)
        if kept is None or kept[0] != depends:
            rows = list_json(house)
            seen = seen_by(house, tenant)
            shape = {"capabilities": [row for row in rows if seen is None or row["capability"] in seen]}
            if len(made) >= _TENANTS:
                made.clear()
            kept = made[tenant] = (depends, orjson.dumps(shape), etag_of(shape))
        return kept[1], kept[2]


def _depends(house: House, tenant: str) -> tuple[object, ...]:
    """All that the list rests on: bundles and trust, whether either's time is over, and the tenant's records."""
    now, given = house.now(), house.grace
    over = now >= house.trusted.trust.expires_at, given is not None and now >= given.grace.until_at
    return (house.registry.revision, house.trusted.digest, given and given.digest, over,
            None if tenant == HOME else house.log.size)  # fmt: skip


def seen_by(house: House, tenant: str) -> frozenset[str] | None:
    """The capabilities that a tenant sees: those that a grant or a target of its own is for. None: all."""
    if tenant == HOME:
        return None
    targets = {product_of(name) for name, value in house.authority.scan("target") if value["tenant"] == tenant}
    granted = {value["capability"] for _, value in house.authority.scan("grant") if value["tenant"] == tenant}
    ids = {row.id for row in house.registry.list()}
    return frozenset(one for one in ids if one in granted or product_of(one) in targets)


_LISTS = _Lists()


async def every(request: Request) -> Response:
    """The hot route: no more than to know the caller, and the bytes that were made for its tenant."""
    service = service_of(request)
    caller = await service.door.authenticate(request)
    caller.require(AccessScope.READ)
    body, tag = _LISTS.of(service.house, caller.talent.tenant)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


router.add_route("/capabilities", every, methods=["GET"], include_in_schema=False)


@router.get("/capabilities", response_model=Capabilities)
async def documented(caller: Reading) -> Response:
    """The installed capabilities that the caller's tenant has to do with, each with whether it may be used."""
    raise AssertionError("the plain route stands before this one, which is for the OpenAPI document")


@router.post("/capabilities/find", response_model=Found)
async def find(sought: Sought, service: TheService, caller: Reading) -> Response:
    """Which capability, on which target, by which talent fits an intent best, and why the others do not.

    Nothing is asked of any target, and nothing is recorded.
    """
    house, tenant = service.house, caller.talent.tenant
    talent = ""
    if sought.talent:
        talent = own_talent(house, caller, sought.talent)
    task = Task(
        intent=sought.intent,
        tenant=tenant,
        scopes=tuple(sought.scopes),
        tags=tuple(sought.tags),
        capability=capability_id(sought.capability) if sought.capability else "",
        target=sought.target,
        talent=talent,
    )
    found = HouseMatcher(house).find(task)
    seen = seen_by(house, tenant)
    shape: dict[str, Any] = {
        "tenant": tenant,
        "fits": [asdict(one) for one in found.fits],
        "misfits": [asdict(one) for one in found.misfits if seen is None or one.capability in seen],
    }
    try:
        best(found)
    except FabricError as error:
        shape["error"] = error.as_json()
    return answer(shape)


@router.get("/capabilities/{name:path}/targets", response_model=CapabilityTargets)
async def targets(name: str, service: TheService, caller: Reading) -> Response:
    """The targets of the caller's tenant that a capability acts on."""
    house = service.house
    capability = _own(house, name, caller.talent.tenant)
    seen, breakers = known_health(house.home.root), known_breakers(house.reading.facts)
    rows = [
        {
            "name": target,
            "health": seen[target].as_json() if target in seen else None,
            "breakers": breakers.get(target, []),
            "granted": _granted(house, caller.talent, capability, target),
        }
        for target, value in house.authority.scan("target", f"{product_of(capability)}@")
        if value["tenant"] == caller.talent.tenant
    ]
    return answer({"targets": rows})


@router.get("/capabilities/{name:path}", response_model=Capability)
async def one(name: str, service: TheService, caller: Reading, conditions: Conditional) -> Response:
    """A capability's manifest with the JSON Schema of its intent, and how far it is trusted."""
    capability = _own(service.house, name, caller.talent.tenant)
    return conditions.answer(show_json(service.house, capability))


def _own(house: House, name: str, tenant: str) -> str:
    """The full id of a capability that the tenant sees. Raises IF_ERR_NAME_INVALID, IF_ERR_CAPABILITY_UNKNOWN."""
    capability = capability_id(name)
    seen = seen_by(house, tenant)
    if seen is not None and capability not in seen:
        raise FabricError(Code.CAPABILITY_UNKNOWN, f"no bundle of {capability} is installed")
    return capability


def _granted(house: House, talent: Talent, capability: str, target: str) -> bool:
    holders = (talent.id, *map(group_holder, talent.groups))
    grants = (house.authority.get("grant", f"{holder} {capability} {target}") for holder in holders)
    return any(grant is not None and grant["tenant"] == talent.tenant for grant in grants)
