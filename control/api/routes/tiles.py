"""`/log`: the log as static files (c2sp.org/tlog-tiles): its checkpoint, hash tiles and bundles of leaves.

They hold hashes, times and kinds, and pseudonyms for names. With `[serve] open_log` they are read without credentials.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infrafabric.control.api.dependencies import service_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope
from infrafabric.witness.tiles import WIDTH, parse_tile_path

__all__ = ["ROUTES"]

_FOREVER = "public, max-age=31536000, immutable"
_A_WHILE = "public, max-age=60"
"""A partial tile stays what it is, and nobody needs it any more once there is a wider one."""
_NEVER = "no-cache"


async def checkpoint(request: Request) -> Response:
    """The latest checkpoint, a signed note."""
    await _enter(request)
    note = service_of(request).house.reading.checkpoint()
    return Response(note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": _NEVER})


async def tile(request: Request) -> Response:
    """A tile or an entry bundle. Each has one name: any other spelling of it is unknown."""
    await _enter(request)
    path = request.url.path.removeprefix("/log/")
    raw = request.scope.get("raw_path")
    if raw is not None and raw.partition(b"?")[0] != f"/log/{path}".encode():
        raise _unknown(request)
    found = parse_tile_path(path)
    if found is None:
        raise _unknown(request)
    level, index, width = found
    data = service_of(request).house.reading.tile(level, index, width)
    if data is None:
        raise _unknown(request)
    headers = {"Cache-Control": _FOREVER if width == WIDTH else _A_WHILE}
    return Response(data, media_type="application/octet-stream", headers=headers)


async def _enter(request: Request) -> None:
    service = service_of(request)
    if not service.house.settings.serve.open_log:
        (await service.door.authenticate(request)).require(AccessScope.READ)


def _unknown(request: Request) -> FabricError:
    return FabricError(Code.ROUTE_UNKNOWN, "the log has no file of that name", remedy="c2sp.org/tlog-tiles names them.")


ROUTES = (
    Route("/log/checkpoint", checkpoint, methods=["GET"]),
    Route("/log/tile/{rest:path}", tile, methods=["GET"]),
)
