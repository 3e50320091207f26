"""JSON bodies, read as strictly as all else from outside: no duplicate members, I-JSON numbers, bounded depth."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from infrafabric.kernel.canonical import loads

__all__ = ["Routes"]


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises IF_ERR_JSON_INVALID. The body's size was checked as it came in."""
        body = await self.body()
        return loads(body, limit=len(body))


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class Routes(APIRouter):
    """A router whose routes read JSON bodies so."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, route_class=_StrictRoute, **options)
