"""The application: every route under `/v1`, refusals as problem details, inside the frame."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from infrafabric.control.api.allowed import allowed
from infrafabric.control.api.dependencies import Known, TheService, service_of
from infrafabric.control.api.document import document
from infrafabric.control.api.frame.frame import Frame
from infrafabric.control.api.frame.hosts import Hosts
from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.api.hot import Hot
from infrafabric.control.api.problems import problem
from infrafabric.control.api.routes import (
    actions,
    adapters,
    approvals,
    breakers,
    budgets,
    capabilities,
    events,
    grants,
    health,
    identities,
    keys,
    log,
    messages,
    metrics,
    policies,
    roles,
    secrets,
    sessions,
    stops,
    talents,
    targets,
    tiles,
    timeline,
    trust,
)
from infrafabric.control.api.segments import Segments, segments_of
from infrafabric.control.api.service import Service
from infrafabric.control.console import routes as passkeys
from infrafabric.control.console.pages import console_routes
from infrafabric.control.telemetry.requests import Observing
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["create_app"]

ROUTERS: tuple[APIRouter, ...] = (
    actions.router,
    adapters.router,
    approvals.router,
    breakers.router,
    budgets.router,
    capabilities.router,
    events.router,
    grants.router,
    identities.router,
    keys.router,
    log.router,
    messages.router,
    metrics.router,
    passkeys.router,
    policies.router,
    roles.router,
    secrets.router,
    sessions.router,
    stops.router,
    talents.router,
    targets.router,
    timeline.router,
    trust.router,
)

AT_ROOT: tuple[APIRouter, ...] = (health.router, metrics.router)
"""Where those who look after many services expect them."""

LARGER = {("PUT", "/v1/adapters"): 16}
"""How many times the usual body a route takes: a bundle holds code."""

HOT = {("GET", "/v1/capabilities"): capabilities.every, ("POST", "/v1/messages"): messages.send}

_BY_STATUS = {404: Code.ROUTE_UNKNOWN, 405: Code.METHOD_UNKNOWN, 415: Code.MEDIA_TYPE}


def create_app(service: Service) -> Frame:
    """The API of an open house, as an ASGI application. The caller opens and closes the house."""
    serve = service.house.settings.serve
    whole = _whole(service)
    parts = segments_of(ROUTERS, lambda routers: _api(service, routers))
    return Frame(
        Observing(Hot(whole, HOT, Segments(whole, parts)), *service.observers()),
        Hosts(serve.names, serve.host),
        header_bytes=serve.header_bytes,
        body_bytes=serve.body_bytes,
        larger={route: times * serve.body_bytes for route, times in LARGER.items()},
        keep=service.keep,
        redact=service.house.redactor.redact,
    )


def _whole(service: Service) -> FastAPI:
    """All that is served."""
    app = _api(service, ROUTERS)
    for router in AT_ROOT:
        app.include_router(router)
    app.router.routes.extend(tiles.ROUTES)
    app.router.routes.extend(console_routes())
    app.router.routes.append(Route("/mcp", service.mcp))
    app.add_api_route("/v1/openapi.json", _document, methods=["GET"], include_in_schema=False)
    return app


def _api(service: Service, routers: Iterable[APIRouter]) -> FastAPI:
    app = FastAPI(title="InfraFabric", version=service.version, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.service = service
    for router in routers:
        app.include_router(router, prefix="/v1")
    app.add_exception_handler(FabricError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fault)
    return app


async def _document(request: Request, service: TheService, caller: Known) -> Response:
    """What is served, as OpenAPI 3.1."""
    app: FastAPI = request.app
    return Response(service.once("openapi", lambda: _json(document(app))), media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, FabricError)
    return problem(error, request)


async def _invalid(request: Request, error: Exception) -> Response:
    """What does not fit the OpenAPI document. The values are not repeated: one may be a secret."""
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:5]]
    return problem(FabricError(Code.USAGE, "; ".join(faults)), request)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, FabricError):  # raised while FastAPI read the body
        return problem(error.__cause__, request)
    if isinstance(error.__cause__, ClientDisconnect):
        return await _gone(request, error.__cause__)
    allowed = _allowed(request) if error.status_code == 405 else []
    if allowed and request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": ", ".join(allowed)})
    code = _BY_STATUS.get(error.status_code, Code.USAGE)
    found = problem(FabricError(code, f"{request.method} {request.url.path}: {error.detail}"), request)
    found.headers.update(error.headers or {})
    if allowed:
        found.headers["Allow"] = ", ".join(allowed)
    return found


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody hears it: the caller hung up before its body was whole."""
    return problem(FabricError(Code.USAGE, "the request was cut off"), request)


async def _fault(request: Request, error: Exception) -> Response:
    return problem(service_of(request).keep(error, passing_of(request.scope).trace), request)


def _allowed(request: Request) -> list[str]:
    at_root = [route for router in AT_ROOT for route in router.routes]
    return allowed(request.scope["path"], ROUTERS, "/v1", [*request.app.router.routes, *at_root])


def _json(document: object) -> bytes:
    import orjson

    return orjson.dumps(document)
