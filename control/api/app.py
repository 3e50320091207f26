"""The application: every route under `/v1`, refusals as problem details."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from infrafabric.control.api.problems import problem
from infrafabric.control.api.routes import capabilities
from infrafabric.control.api.service import Service
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["create_app"]

ROUTERS: tuple[APIRouter, ...] = (capabilities.router,)


def create_app(service: Service) -> FastAPI:
    """The API of an open house, as an ASGI application. The caller opens and closes the house."""
    app = FastAPI(
        title="InfraFabric", version=service.version, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.add_exception_handler(FabricError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    return app


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
    code = {404: Code.ROUTE_UNKNOWN, 405: Code.METHOD_UNKNOWN, 415: Code.MEDIA_TYPE}.get(error.status_code, Code.USAGE)
    found = problem(FabricError(code, f"{request.method} {request.url.path}: {error.detail}"), request)
    found.headers.update(error.headers or {})
    return found
