"""`/metrics`, also as `/v1/metrics`: what Prometheus scrapes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from infrafabric.control.api.dependencies import Known, TheService
from infrafabric.control.api.tenancy import check_home
from infrafabric.control.telemetry.metrics import CONTENT_TYPE
from infrafabric.kernel.words.access import AccessScope

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format."}},
)
async def metrics(service: TheService, caller: Known) -> Response:
    """Requests, actions, decisions, drivers, sandbox, queues, the log and the service levels, of the whole kernel."""
    caller.require(AccessScope.METRICS)
    check_home(caller, "the metrics page")
    return Response(service.metrics.page(), media_type=CONTENT_TYPE)
