"""`/v1/secrets`: secrets of the vault, to be written only. No route answers a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from starlette.responses import Response

from infrafabric.control.api.administering import allowed, check_may
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, TheService, Trace
from infrafabric.control.api.shapes.common import Because
from infrafabric.control.api.shapes.house import SecretAllowed, SecretChanged, SecretRotated, Secrets, SecretTaken
from infrafabric.control.api.tenancy import HOME, place_of, sees
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.records.kept_secrets import change_secret, check_name, doubts, known_secrets, rotating, use_of
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House
    from infrafabric.keys.vault_content import Use

__all__ = ["router"]

router = Routes(prefix="/secrets", tags=["secrets"])


@router.get("", response_model=Secrets)
async def names(
    service: TheService, caller: Administering, tenant: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """The secrets by name: who may use them, who refers to them, until when former values are known."""
    check_may(service, caller, caller.talent.tenant)
    place = place_of(service.house, caller, tenant)
    rows = {name: row for name, row in known_secrets(service.house).items() if (row["tenant"] or HOME) == place}
    return answer({"secrets": list(rows), "kept": rows})


@router.put("/{name}", response_model=SecretChanged)
async def put(name: str, given: SecretTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Keep a secret; targets refer to it as vault:NAME. Former values end at once: `rotate` keeps them for a while."""
    house = service.house
    check_name(name)
    tenant = _tenant_of(house, name)
    if tenant is not None:
        _own(house, caller, name)
    why = allowed(service, caller, given.why, tenant or given.tenant or caller.talent.tenant)
    use = _use(caller, given.targets, given.tenant)
    extra: dict[str, Any] = {} if use is None else {"targets": use.targets, "of_tenant": use.tenant}

    def alter(house: House) -> None:
        house.vault.set(name, given.value, use)

    return await _changed(house, caller, name, "set", why, trace, alter, value=given.value, **extra)


@router.post("/{name}/rotate", response_model=SecretChanged)
async def rotate(name: str, given: SecretRotated, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Use a new value from now on, and keep the former one for a while; or take the former one back."""
    house = service.house
    why = allowed(service, caller, given.why, _own(house, caller, name))
    if given.back == (given.value is not None):
        raise FabricError(Code.USAGE, "give a new value, or say back")
    if given.value is None:
        return await _changed(
            house, caller, name, "returned", why, trace, lambda house: house.vault.take_back(name), former=True
        )
    value = given.value
    alter, until = rotating(name, value, given.overlap_s)
    return await _changed(house, caller, name, "rotated", why, trace, alter, value=value, known=True, until=until)


@router.post("/{name}/allow", response_model=SecretChanged)
async def allow(name: str, given: SecretAllowed, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Say which targets may use a secret; others that refer to it are refused from then on."""
    house = service.house
    tenant = _own(house, caller, name)
    why = allowed(service, caller, given.why, tenant)
    use = _use(caller, given.targets, given.tenant) or use_of((), "")

    def alter(house: House) -> None:
        house.vault.allow(name, use)

    said = {"targets": use.targets, "of_tenant": use.tenant}
    return await _changed(house, caller, name, "allowed", why, trace, alter, known=True, **said)


@router.post("/{name}/remove", response_model=SecretChanged)
async def remove(name: str, given: Because, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Forget a secret and its former values. What refers to it is refused from then on."""
    house = service.house
    why = allowed(service, caller, given.why, _own(house, caller, name))
    return await _changed(
        house, caller, name, "removed", why, trace, lambda house: house.vault.remove(name), known=True
    )


def _tenant_of(house: House, name: str) -> str | None:
    """Whose the secret is; None where there is none of that name."""
    kept = house.vault.all_kept().get(name)
    return None if kept is None else kept.use.tenant or HOME


def _own(house: House, caller: Principal, name: str) -> str:
    """The tenant of a secret that the caller sees. Raises IF_ERR_SECRET_UNKNOWN, alike for what is another's."""
    tenant = _tenant_of(house, name)
    if tenant is None or not sees(house, caller, tenant):
        raise FabricError(Code.SECRET_UNKNOWN, f"the vault holds no secret {visible(name, 100)}")
    return tenant


def _use(caller: Principal, targets: tuple[str, ...], tenant: str | None) -> Use | None:
    """Who may use a secret: of a tenant's operator, its own tenant's targets alone. None: as it was, or anyone."""
    if caller.talent.tenant != HOME:
        if tenant not in (None, caller.talent.tenant):
            raise FabricError(Code.DENIED, f"{caller.talent.id} is no operator of the tenant {tenant}")
        return use_of(targets, caller.talent.tenant)
    return use_of(targets, tenant or "") if targets or tenant else None


async def _changed(
    house: House,
    caller: Principal,
    name: str,
    change: str,
    why: str,
    trace: str,
    alter: Callable[[House], None],
    **said: Any,
) -> Response:
    confined = caller.talent.tenant != HOME
    shape = await change_secret(
        house, name, change, why, alter, trace=trace, who=caller.talent.id, confined=confined, **said
    )
    if change in ("set", "allowed") and (notes := doubts(house, name)) and caller.talent.tenant == HOME:
        shape["notes"] = notes
    return answer(shape)
