"""`/v1/adapters`: bundles in the home. Installing one allows nothing; the trust set does."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.responses import Response

from infrafabric.control.api.administering import allowed, check_may
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.shapes.capabilities import Capabilities
from infrafabric.control.api.shapes.house import AdapterInstalled, AdapterRemoved, AdapterTaken
from infrafabric.control.api.tenancy import check_home
from infrafabric.control.cli.capability_view import list_json
from infrafabric.control.records.bundles import bundle_json, remove_bundle
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.archive import open_archive

__all__ = ["router"]

router = Routes(prefix="/adapters", tags=["adapters"])

TAR = "application/x-tar"
_WHAT = "the store of adapters"
_BODY = {"content": {TAR: {"schema": {"type": "string", "format": "binary"}}}, "required": True}


@router.get("", response_model=Capabilities)
async def installed(service: TheService, caller: Reading) -> Response:
    """Every bundle that is installed or allowed, with the reason against it where there is one."""
    check_home(caller, _WHAT)
    return answer({"capabilities": list_json(service.house)})


@router.put("", response_model=AdapterInstalled, status_code=201, openapi_extra={"requestBody": _BODY})
async def install(request: Request, service: TheService, caller: Administering) -> Response:
    """Keep a signed bundle: a tar archive of `manifest.yaml` and exactly the files that it names.

    Installing grants nothing and is not recorded in the log; allowing does.
    """
    check_home(caller, _WHAT)
    check_may(service, caller)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != TAR:
        raise FabricError(Code.MEDIA_TYPE, f"a bundle is sent as {TAR}")
    house = service.house
    bundle = await asyncio.to_thread(open_archive, await request.body())
    await asyncio.to_thread(house.bundles.install, bundle)
    await house.refresh()
    return answer(bundle_json(bundle), 201)


@router.post("/remove", response_model=AdapterRemoved)
async def remove(given: AdapterTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Forget an installed bundle. What it did can then no longer be replayed; the log's proofs stay."""
    check_home(caller, _WHAT)
    why = allowed(service, caller, given.why)
    shape = await remove_bundle(service.house, given.bundle, why, trace=trace, who=caller.talent.id)
    return answer(shape)
