"""The console's files: static, from the package, under a policy that lets nothing else be loaded or run.

They are read once. A name is looked up among them, never in a folder, so a path leads nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["POLICY", "console_routes"]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Content-Security-Policy: no inline script or style, no other host, no framing, no HTML made from text."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "Cache-Control": "no-cache",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGES = {"": "index.html", "enter": "enter.html"}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str


def console_routes() -> list[BaseRoute]:
    """`/console/` and what it loads. Raises IF_ERR_ROUTE_UNKNOWN for any other name under it."""
    found = _read()

    async def file(request: Request) -> Response:
        name = request.path_params.get("name", "")
        wanted = found.get(_PAGES.get(name, name))
        if wanted is None:
            raise FabricError(Code.ROUTE_UNKNOWN, f"the console has no file {name[:100]!r}")
        headers = {**HEADERS, "ETag": wanted.etag}
        if request.headers.get("if-none-match") == wanted.etag:
            return Response(status_code=304, headers=headers)
        return Response(wanted.content, media_type=wanted.media_type, headers=headers)

    async def moved(request: Request) -> Response:
        return RedirectResponse("/console/", status_code=308)

    return [
        Route("/console", moved, methods=["GET"], include_in_schema=False),
        Route("/console/{name}", file, methods=["GET"], include_in_schema=False),
        Route("/console/", file, methods=["GET"], include_in_schema=False),
    ]


def _read() -> Mapping[str, _File]:
    found = {}
    for one in files("infrafabric.control.console").joinpath("static").iterdir():
        suffix = "." + one.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = one.read_bytes()
            found[one.name] = _File(content, _TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found
