"""`/metrics`, also as `/v1/metrics`: what Prometheus scrapes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from infrafabric.control.api.dependencies import Known, TheService
from infrafabric.control.api.routes.health import may_measure
from infrafabric.control.telemetry.metrics import CONTENT_TYPE

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format."}},
)
async def metrics(service: TheService, caller: Known) -> Response:
    """Requests, actions, decisions, drivers, sandbox, queues, the log and the service levels, of the whole kernel."""
    may_measure(caller)
    return Response(service.metrics.page(), media_type=CONTENT_TYPE)
