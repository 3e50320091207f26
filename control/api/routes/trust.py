"""`/v1/trust`: whose adapters, and which of them, may be loaded. A change needs the root keys in this home, which only
development homes keep."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import Response

from infrafabric.control.api.administering import allowed
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.etags import Conditional
from infrafabric.control.api.shapes.house import Adopted, Allowing, Revoking, TrustShown
from infrafabric.control.api.tenancy import check_home
from infrafabric.control.changes import change_trust, stored_root_keys
from infrafabric.control.cli.trust_view import trust_json
from infrafabric.control.records.trust import allowing, revoking
from infrafabric.registry.trust import TrustSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from infrafabric.control.api.principal import Principal
    from infrafabric.control.api.service import Service
    from infrafabric.control.house import House

__all__ = ["router"]

router = Routes(prefix="/trust", tags=["trust"])
_WHAT = "the trust set"


@router.get("", response_model=TrustShown)
async def present(service: TheService, caller: Reading, conditions: Conditional) -> Response:
    """Publishers, allow-list, revocations, operator and root keys, who signed, expiry and grace."""
    check_home(caller, _WHAT)
    return conditions.answer(trust_json(service.house))


@router.post("/allow", response_model=Adopted)
async def allow(given: Allowing, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Put an installed bundle on the allow-list, by its digest."""
    return await _changed(
        service, caller, given.why, trace, lambda house, now: allowing(house, now, given.bundle, given.digest)
    )


@router.post("/revoke", response_model=Adopted)
async def revoke(given: Revoking, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Revoke a key or a bundle for good. What runs of it stops before its next write."""
    return await _changed(service, caller, given.why, trace, lambda _, now: revoking(now, given.thing, given.why))


async def _changed(
    service: Service,
    caller: Principal,
    why: str,
    trace: str,
    edit: Callable[[House, TrustSet], tuple[TrustSet, str]],
) -> Response:
    check_home(caller, _WHAT)
    house = service.house
    allowed(service, caller, why)
    signers = await asyncio.to_thread(stored_root_keys, house)
    reason = allowed(service, caller, why)  # loading the keys takes long enough for the caller's own leave to end
    return answer(asdict(await change_trust(house, edit, signers, reason, trace, caller.talent.id)))
