"""`/healthz` and `/readyz`: whether the kernel lives, and whether it can work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from infrafabric.control.api.dependencies import TheService, service_of
from infrafabric.control.api.principal import Principal
from infrafabric.control.readiness import Part, PartState, ready, targets_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """That the kernel's loop turns. Without credentials; says nothing else."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Actions cannot be done now."}})
async def readyz(request: Request, service: TheService) -> Response:
    """Whether actions can be done. With credentials that may read or measure: part by part, with their targets."""
    parts = list(service.readiness.parts())
    if service.feed.faults:
        parts.append(Part("metrics", PartState.IMPAIRED, "an observer failed, and is handed no more entries"))
    fit = ready(parts)
    shape: dict[str, Any] = {"status": "ready" if fit else "not ready"}
    caller = await _caller(request)
    if caller is not None:
        shape["parts"] = [part.as_json() for part in parts]
        found = targets_of(service.house, caller.talent.tenant)
        shape["targets"] = {name: asdict(health) for name, health in found.items()}
    return JSONResponse(shape, 200 if fit else 503, headers={"Cache-Control": "no-store"})


async def _caller(request: Request) -> Principal | None:
    """Who asks, where they say so. Credentials that do not hold, or are neither for measuring nor for reading, are
    refused."""
    try:
        caller = await service_of(request).door.authenticate(request)
    except FabricError as error:
        if error.code is Code.AUTH_REQUIRED:
            return None
        raise
    if AccessScope.READ not in caller.scopes:
        caller.require(AccessScope.METRICS)
    return caller
