"""Requests as they are answered, by route template: rate, errors, duration. And under which request an action runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infrafabric.kernel.errors import FabricError

__all__ = ["ASKED_BY", "Answered", "Observing", "RequestMetrics"]

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"
API = "/v1/"
_STREAMS = "text/event-stream"

ASKED_BY: ContextVar[Scope | None] = ContextVar("asked_by", default=None)
"""The ASGI scope of the request in whose course something happens. What it starts inherits it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request whose answer has ended. `status` is 0 where it was given up before one was begun."""

    scope: Scope
    route: str
    """Template, such as `/v1/actions/{name}`; `none` where nothing is served there."""
    method: str
    status: int
    began: float
    """Unix seconds."""
    seconds: float
    stream: bool
    """Whether it was an event stream or a WebSocket, whose duration says nothing."""


class RequestMetrics:
    """Counts answered requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answered = Counter(
            "infrafabric_http_requests",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "infrafabric_http_request_seconds",
            "Until the answer ended; without streams.",
            ["route", "method"],
            buckets=_SECONDS,
            registry=registry,
        )

        self._rows: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def __call__(self, answered: Answered) -> None:
        kind = (answered.route, answered.method, answered.status // 100)
        row = self._rows.get(kind)
        if row is None:  # looking a row up by its labels takes as long as all else here
            status = f"{kind[2]}xx" if kind[2] else "none"
            row = self._rows[kind] = (self.answered.labels(*kind[:2], status), self.seconds.labels(*kind[:2]))
        row[0].inc()
        if not answered.stream:
            row[1].observe(answered.seconds)


class Observing:
    """`app`, each of whose answers is told to `observers`. They must not raise."""

    def __init__(self, app: ASGIApp, *observers: Callable[[Answered], None]) -> None:
        self.app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        status, stream = 0, scope["type"] == "websocket"

        async def sending(message: Message) -> None:
            nonlocal status, stream
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                stream = stream or any(
                    name == b"content-type" and value.startswith(_STREAMS.encode())
                    for name, value in message.get("headers", ())
                )
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        token = ASKED_BY.set(scope)
        began, clock = time.time(), time.perf_counter()
        try:
            await self.app(scope, receive, sending)
        except FabricError as error:
            status = status or error.spec.http_status
            raise
        except Exception:
            status = status or 500
            raise
        finally:
            ASKED_BY.reset(token)
            route = _template(scope)
            method = "WS" if scope["type"] == "websocket" else _method(scope["method"])
            answered = Answered(scope, route, method, status, began, time.perf_counter() - clock, stream)
            for observer in self._observers:
                observer(answered)


def _template(scope: Scope) -> str:
    """The template of the route that matched. Its parameters' values are no part of it: there is no end of them."""
    if scope.get("endpoint") is None:
        return NO_ROUTE
    path: str = scope["path"]
    template = getattr(scope.get("route"), "path", None)
    if template:
        # FastAPI says what stands in the router that was included; Starlette's plain routes say nothing.
        return template if template.startswith(API) or not path.startswith(API) else f"{API[:-1]}{template}"
    for name, value in reversed(scope.get("path_params", {}).items()):
        before, found, after = path.rpartition(str(value))
        path = f"{before}{{{name}}}{after}" if found and value != "" else path
    return path


def _method(method: str) -> str:
    """As a label: whoever makes up methods fills one row."""
    return method if method in _METHODS else "other"
