"""`/v1/keys`: API keys, their rotation and their end. Their texts are shown once, and kept nowhere.

Whoever may administer sees and changes the keys of its tenant. Others see the keys of their own talent, and may rotate
and revoke those that give no more than the credentials they ask with.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from infrafabric.control.api.administering import Change, administering, check_may, signing
from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.etags import Conditional
from infrafabric.control.api.idempotency import IdempotencyKey
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.principal import Method, Principal
from infrafabric.control.api.service import Service
from infrafabric.control.api.shapes.access import (
    KeyChange,
    KeyMade,
    KeyRotated,
    KeyRow,
    Keys,
    NewKey,
    Revocation,
    Rotation,
)
from infrafabric.control.api.tenancy import administers, own_talent
from infrafabric.control.records.api_keys import ending, fresh_key, heir_of, heirs_of, key_json, keys_json, known_key
from infrafabric.control.records.grants import parse_expires
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope, ApiKey

__all__ = ["router"]

router = Routes(prefix="/keys", tags=["who asks"])

KeyId = Annotated[str, Path(pattern="^[a-z0-9]{12}$")]


@router.get("", response_model=Keys)
async def list_(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    talent: Annotated[str, Query(max_length=200, description="Only those of this talent.")] = "",
) -> Response:
    """The API keys that are not revoked: of the tenant, where the caller may administer it, else the caller's own."""
    house = service.house
    wanted = own_talent(house, caller, talent) if talent else ""
    rows = keys_json(house, lambda key: _sees(service, caller, key) and key.talent == (wanted or key.talent))
    found, following = paging.page(rows, lambda row: f"{row['talent']} {row['id']}")
    return listed({"keys": found, "next": following}, response)


@router.post("", response_model=KeyMade, status_code=201)
async def add(
    asked: NewKey, service: TheService, caller: Administering, trace: Trace, idempotency_key: IdempotencyKey
) -> Response:
    """Give a talent an API key. Its text is in the answer, and nowhere else."""

    async def work() -> dict[str, Any]:
        house = service.house
        talent = house.authority.talent(own_talent(house, caller, asked.talent))
        expires = parse_expires(asked.expires, house.clock()) if asked.expires is not None else ""
        change = await administering(service, caller, asked.why, trace, talent.tenant)
        value, text = fresh_key(talent, asked.scopes, expires, asked.label)
        await change.record(change.operator.api_key(value, change.why))
        return {"key": key_json(value, house.clock()), "change": "added", "text": text}

    shape = await service.answers.once(
        caller, "POST /v1/keys", idempotency_key, asked.model_dump(mode="json"), work,
        lambda shape: check_may(service, caller, shape["key"]["tenant"]),
    )  # fmt: skip
    return answer(shape, 201, {"Location": f"/v1/keys/{shape['key']['id']}"})


@router.get("/{key_id}", response_model=KeyRow)
async def one(key_id: KeyId, service: TheService, caller: Reading, conditions: Conditional) -> Response:
    """One API key."""
    return conditions.answer(key_json(_known(service, caller, key_id), service.house.clock()))


@router.post("/{key_id}/rotate", response_model=KeyRotated, status_code=201)
async def rotate(
    key_id: KeyId,
    asked: Rotation,
    service: TheService,
    caller: Reading,
    trace: Trace,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Make a key that follows another, which ends after the overlap. Scopes and talent stay."""

    async def work() -> dict[str, Any]:
        house = service.house
        old = _known(service, caller, key_id)
        change = await _changing(service, caller, old, asked.why, trace)
        expires = ""
        if asked.expires is not None:
            check_may(service, caller, old.tenant)
            expires = parse_expires(asked.expires, house.clock())
        latest = "" if _administers(service, caller, old.tenant) else _ends(service, caller)
        value, text = heir_of(house, old, expires, latest)
        left = ending(old, house.clock(), asked.overlap_s)
        await change.record(
            change.operator.api_key(value, change.why),
            change.operator.api_key(left, change.why, "set" if asked.overlap_s else "revoked"),
        )
        now = house.clock()
        return {"key": key_json(value, now), "change": "rotated", "text": text, "old": key_json(left, now)}

    shape = await service.answers.once(
        caller, f"POST /v1/keys/{key_id}/rotate", idempotency_key, asked.model_dump(mode="json"), work,
        lambda shape: _check_changes(service, caller, _known(service, caller, shape["key"]["id"])),
    )  # fmt: skip
    return answer(shape, 201, {"Location": f"/v1/keys/{shape['key']['id']}"})


@router.post("/{key_id}/revoke", response_model=KeyChange)
async def revoke(key_id: KeyId, asked: Revocation, service: TheService, caller: Reading, trace: Trace) -> Response:
    """End a key at once, and with `heirs` those that came of it by rotation too."""
    house = service.house
    value = _known(service, caller, key_id)
    heirs = heirs_of(house, value)
    ended = heirs if asked.heirs else []
    for heir in ended:
        _check_changes(service, caller, heir)
    change = await _changing(service, caller, value, asked.why, trace)
    await change.record(*(change.operator.api_key(key, change.why, "revoked") for key in (value, *ended)))
    now = house.clock()
    rows = [key_json(heir, now) for heir in heirs]
    told = {"revoked": rows, "followed_by": []} if asked.heirs else {"revoked": [], "followed_by": rows}
    return answer({"key": key_json(value, now), "change": "revoked", **told})


def _sees(service: Service, caller: Principal, key: ApiKey) -> bool:
    own = (key.talent, key.tenant) == (caller.talent.id, caller.talent.tenant)
    return own or _administers(service, caller, key.tenant)


def _administers(service: Service, caller: Principal, tenant: str) -> bool:
    return AccessScope.ADMINISTER in caller.scopes and administers(service.house, caller, tenant)


def _known(service: Service, caller: Principal, key_id: str) -> ApiKey:
    """Raises IF_ERR_API_KEY_UNKNOWN, alike for one that the caller does not see."""
    found = known_key(service.house, key_id)
    if not _sees(service, caller, found):
        return known_key(service.house, key_id, lambda tenant: False)
    return found


async def _changing(service: Service, caller: Principal, key: ApiKey, why: str, trace: str) -> Change:
    """Leave to change a key: an administrator's, or its owner's with credentials that give all that the key does."""
    if _administers(service, caller, key.tenant):
        return await administering(service, caller, why, trace, key.tenant)
    _check_changes(service, caller, key)
    return await signing(service, caller, why, trace)


def _check_changes(service: Service, caller: Principal, key: ApiKey) -> None:
    """Raise IF_ERR_SCOPE_MISSING unless the caller may change that key, which it sees."""
    if not _administers(service, caller, key.tenant) and not set(key.scopes) <= caller.scopes:
        message = f"the key {key.id} gives more than the credentials {caller.credential}"
        raise FabricError(Code.SCOPE_MISSING, message)


def _ends(service: Service, caller: Principal) -> str:
    """When the caller's own credentials end, RFC 3339, "" where they do not: by them it gets none that last longer."""
    if caller.method is Method.API_KEY:
        return known_key(service.house, caller.credential).expires
    return f"{caller.expires:%Y-%m-%dT%H:%M:%SZ}" if caller.expires is not None else ""
