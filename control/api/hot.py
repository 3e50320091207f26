"""Routes that are asked for so often that finding them must cost nothing: by method and path, ahead of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Hot"]

Endpoint = Callable[[Request], Awaitable[Response]]


class Hot:
    """`app`, in front of which `routes` are answered. Each is a route of `app` too, which its document describes.

    FastAPI looks through every router that was included, which took twice the time of admitting a message. What an
    endpoint raises is left to the frame around.
    """

    def __init__(self, app: FastAPI, routes: Mapping[tuple[str, str], Endpoint], others: ASGIApp | None = None) -> None:
        """`others` finds what is not hot, `app` itself where it is None."""
        self.app = app
        self._others = others or app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self._others(scope, receive, send)
            return
        scope["app"], scope["endpoint"], scope["path_params"] = self.app, endpoint, {}
        try:
            response = await endpoint(Request(scope, receive, send))
        except ClientDisconnect:
            raise FabricError(Code.USAGE, "the request was cut off") from None
        await response(scope, receive, send)
