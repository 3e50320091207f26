"""JSON bodies, read as strictly as all else from outside: no duplicate members, I-JSON numbers, bounded depth.
An `Idempotency-Key` is refused where it would be in vain."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.responses import Response

from infrafabric.kernel.canonical import loads
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Routes"]

_SAFE = ("GET", "HEAD", "OPTIONS")


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises IF_ERR_JSON_INVALID. The body's size was checked as it came in."""
        body = await self.body()
        return loads(body, limit=len(body))


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_json = self.body_field is not None
        once = any(field.alias == "idempotency-key" for field in get_flat_params(self.dependant))

        async def strict(request: Request) -> Response:
            if not once and "idempotency-key" in request.headers and request.method not in _SAFE:
                message = f"{request.method} {request.url.path} takes no Idempotency-Key: it would not be done once"
                raise FabricError(Code.HEADER_INVALID, message)
            if takes_json:
                _check_media_type(request)
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


def _check_media_type(request: Request) -> None:
    """Raise IF_ERR_MEDIA_TYPE for a body that does not say that it is JSON: a form of another page cannot say so."""
    if request.headers.get("content-length", "") == "0":
        return
    if "content-length" in request.headers or "transfer-encoding" in request.headers:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
            raise FabricError(Code.MEDIA_TYPE, f"{request.method} {request.url.path} takes application/json")


class Routes(APIRouter):
    """A router whose routes read JSON bodies so."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, route_class=_StrictRoute, **options)
