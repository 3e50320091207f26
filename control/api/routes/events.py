"""`/v1/events`: what the log records, as it becomes durable."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, Query, WebSocket
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect, WebSocketState

from infrafabric.control.api.dependencies import Reading, TheService
from infrafabric.control.api.principal import Method, Principal
from infrafabric.control.api.service import Service
from infrafabric.control.api.streams import websocket as socket_stream
from infrafabric.control.api.streams.sse import EventStream
from infrafabric.control.api.tenancy import own_talent
from infrafabric.control.feed import Wanted
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import capability_id, trace_id
from infrafabric.kernel.words.plan import Verdict

__all__ = ["router"]

router = APIRouter(prefix="/events", tags=["events"])

_INDEX = re.compile(r"-1|0|[1-9][0-9]{0,17}")
Text = Annotated[str, Query(max_length=300)]


def wanted_of(
    service: Service,
    caller: Principal,
    talent: Text = "",
    capability: Text = "",
    target: Text = "",
    kind: Kind | None = None,
    verdict: Verdict | None = None,
    trace: Text = "",
    action: Text = "",
) -> Wanted:
    """Which entries a caller wants, by full ids or short names. Raises IF_ERR_NAME_INVALID, IF_ERR_TALENT_UNKNOWN."""
    return Wanted(
        talent=own_talent(service.house, caller, talent) if talent else "",
        capability=capability_id(capability) if capability else "",
        target=target,
        kind=kind.value if kind is not None else "",
        verdict=verdict.value if verdict is not None else "",
        trace=trace_id(trace) if trace else "",
        action=action,
    )


async def _filters(
    service: TheService,
    caller: Reading,
    talent: Text = "",
    capability: Text = "",
    target: Text = "",
    kind: Kind | None = None,
    verdict: Verdict | None = None,
    trace: Text = "",
    action: Text = "",
) -> Wanted:
    return wanted_of(service, caller, talent, capability, target, kind, verdict, trace, action)


def _service_of(connection: HTTPConnection) -> Service:
    found: Service = connection.app.state.service
    return found


@router.get(
    "",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Entries, until either side ends it."}},
)
async def follow(
    service: TheService,
    caller: Reading,
    wanted: Annotated[Wanted, Depends(_filters)],
    since: Annotated[int | None, Query(ge=-1, description="Index of the last entry that is known; -1: none.")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Entries of the caller's tenant as server-sent events, from now on, or from behind `Last-Event-ID` or `since`."""
    after = since if last_event_id is None else _index(last_event_id)
    with ExitStack() as held:
        held.enter_context(service.places.one(caller.talent.id))
        follower = service.feed.follow(caller.talent.tenant, wanted, service.leaves.of(caller), after=after)
        return EventStream(follower, held.pop_all(), service.pace)


@router.websocket("/ws")
async def socket(
    socket: WebSocket,
    talent: str = "",
    capability: str = "",
    target: str = "",
    kind: Kind | None = None,
    verdict: Verdict | None = None,
    trace: str = "",
    action: str = "",
) -> None:
    """The same over WebSocket: see `control.api.streams.websocket`. Who may not is told so before it is accepted."""
    service = _service_of(socket)
    caller = await service.door.authenticate(socket)
    caller.require(AccessScope.READ)
    _check_origin(socket, caller)
    wanted = wanted_of(service, caller, talent, capability, target, kind, verdict, trace, action)
    leave = service.leaves.of(caller)
    leave()
    with service.places.one(caller.talent.id):
        await socket.accept()
        try:
            after = await socket_stream.first_frame(socket)
            follower = service.feed.follow(caller.talent.tenant, wanted, leave, after=after)
            await socket_stream.stream(socket, follower, service.pace)
        except FabricError as error:
            await socket_stream.close(socket, 1008, f"{error.code.value}: {error.message}"[:100])
        except socket_stream.Closing as closing:
            await socket_stream.close(socket, closing.code, closing.reason)
        except WebSocketDisconnect:
            return
    if socket.client_state is WebSocketState.CONNECTED and socket.application_state is WebSocketState.CONNECTED:
        await socket_stream.close(socket, 1000, "")


def _check_origin(socket: WebSocket, caller: Principal) -> None:
    """A page elsewhere may open a socket here, and the browser would send the cookie along (RFC 6455 section 10.2)."""
    origin = socket.headers.get("origin")
    if origin is None and caller.method is not Method.SESSION:
        return
    if origin is None or urlsplit(origin).netloc.lower() != socket.headers.get("host", "").lower():
        raise FabricError(
            Code.CSRF, f"the socket was opened from {str(origin)[:100]!r}, which is not the console's page"
        )


def _index(text: str) -> int:
    if _INDEX.fullmatch(text) is None:
        raise FabricError(Code.HEADER_INVALID, f"Last-Event-ID: {text[:40]!r} is no index of an entry")
    return int(text)
