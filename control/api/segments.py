"""Finding the route among very many: by the first segment after `/v1/`, then among that segment's alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Segments", "segments_of"]

PREFIX = "/v1/"


class Segments:
    """`whole`, but what is under a segment of its own is answered by that segment's application.

    FastAPI looks through every router that was included, one by one, at a tenth of a millisecond each.
    """

    def __init__(self, whole: ASGIApp, parts: Mapping[str, ASGIApp]) -> None:
        """`parts` answer each as `whole` would: they hold all of its routes under their segment, in the same order."""
        self.whole = whole
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.whole
        if scope["type"] in ("http", "websocket") and scope["path"].startswith(PREFIX):
            app = self._parts.get(scope["path"][len(PREFIX) :].partition("/")[0], self.whole)
        await app(scope, receive, send)


def segments_of(routers: Iterable[APIRouter], make: Callable[[Iterable[APIRouter]], FastAPI]) -> Mapping[str, FastAPI]:
    """An application for each segment, made of all the routers that have a route there."""
    found: dict[str, list[APIRouter]] = {}
    for router in routers:
        for segment in {str(getattr(route, "path", "/")).split("/")[1] for route in router.routes}:
            found.setdefault(segment, []).append(router)
    # A first segment that is a parameter could be any: such a router would have to be looked through for each.
    if any("{" in segment for segment in found):
        raise ValueError("a route under /v1 begins with a parameter")
    return {segment: make(those) for segment, those in found.items()}
