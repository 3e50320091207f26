"""MCP over streamable HTTP, for callers with a bearer credential. Importing it takes a second: at its first request."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infrafabric.control.api.problems import problem
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.api.service import Service

__all__ = ["McpDoor"]

PRINCIPAL = "infrafabric.principal"
SESSION = b"mcp-session-id"
MOST_SESSIONS = 512
MOST_EACH = 32
"""Sessions that one talent may have: an agent has one, and whoever starts it again and again leaves some behind."""
IDLE_S = 900.0
"""Seconds after which a session that asked for nothing is over; an agent that comes back opens another."""
START_S = 30.0
ANY_OF = frozenset({AccessScope.READ, AccessScope.PLAN, AccessScope.ACT})
"""Scopes with one of which there is a tool to call."""


@dataclass(slots=True)
class _Session:
    talent: str
    used: float
    """When it was last asked for something, in monotonic seconds."""


class McpDoor:
    """An ASGI application: who asks is found out by the API's own door, and a session serves whoever opened it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._app: ASGIApp | None = None
        self._running: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._sessions: dict[str, _Session] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            principal = await self._principal(request)
            self._check_session(request, principal)
            app = await self._started()
        except FabricError as error:
            await problem(error, request)(scope, receive, send)
            return
        scope[PRINCIPAL] = principal

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(request, message, principal)
            await send(message)

        await app(scope, receive, sending)

    async def close(self) -> None:
        """End the sessions."""
        self._stop.set()
        if self._running is not None:
            with suppress(asyncio.CancelledError):
                await self._running

    async def _principal(self, request: Request) -> Principal:
        """Raises IF_ERR_AUTH_*; IF_ERR_DENIED for a person: what an agent asks for, nobody asked for in person."""
        if not request.headers.get("authorization", "").lower().startswith("bearer "):
            raise FabricError(Code.AUTH_REQUIRED, f"{request.url.path} is served to callers with a bearer credential")
        principal = await self._service.door.authenticate(request)
        check_agent(principal.talent.id)
        if not ANY_OF & principal.scopes:
            principal.require(AccessScope.READ)
        return principal

    def _check_session(self, request: Request, principal: Principal) -> None:
        """A session that somebody else opened is as good as none. Raises IF_ERR_AUTH_INVALID, IF_ERR_BUSY."""
        now = time.monotonic()
        self._sessions = {name: one for name, one in self._sessions.items() if now - one.used < IDLE_S}
        name = request.headers.get(SESSION.decode())
        if name is None:
            if sum(one.talent == principal.talent.id for one in self._sessions.values()) >= MOST_EACH:
                said = f"{principal.talent.id} has {MOST_EACH} MCP sessions open"
                raise FabricError(Code.BUSY, said, remedy="End one (DELETE), or use it again.", retry_after=60)
            return
        found = self._sessions.get(name)
        if found is not None:
            if found.talent != principal.talent.id:
                raise FabricError(Code.AUTH_INVALID, "the MCP session is not of this caller")
            found.used = now

    def _answered(self, request: Request, message: Message, principal: Principal) -> None:
        name = dict(message.get("headers", ())).get(SESSION, b"").decode("ascii", "replace")
        if request.method == "DELETE" and message["status"] < 300:
            self._sessions.pop(request.headers.get(SESSION.decode(), ""), None)
        elif name and name not in self._sessions:
            self._sessions[name] = _Session(principal.talent.id, time.monotonic())

    async def _started(self) -> ASGIApp:
        """The server at work. Raises IF_ERR_EXTRA_MISSING."""
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        if self._app is None:
            ready = asyncio.create_task(self._ready.wait())
            await asyncio.wait({ready, self._running}, return_when=asyncio.FIRST_COMPLETED, timeout=START_S)
            ready.cancel()
            if self._running.done() and (error := self._running.exception()) is not None:
                self._running = None
                raise error
        if self._app is None:
            raise FabricError(Code.BUSY, "the MCP server is starting", retry_after=1)
        return self._app

    async def _run(self) -> None:
        """In one task from beginning to end: the server's task group belongs to it."""
        served, security = await asyncio.to_thread(_import)

        async def whose(context: Any) -> Any:
            from infrafabric.control.mcp.calls import Caller

            principal = context.request.scope[PRINCIPAL]
            return Caller(self._service.house.authority.talent(principal.talent.id), principal.scopes)

        tools = served.Tools(self._service.house, whose)
        # Hosts and origins are looked at by the API's frame, for every door alike.
        app = tools.server.streamable_http_app(
            streamable_http_path="/mcp",
            transport_security=security(enable_dns_rebinding_protection=False),
            session_idle_timeout=IDLE_S,
            max_sessions=MOST_SESSIONS,
        )
        async with tools.telling(), tools.server.session_manager.run():
            self._app = app
            self._ready.set()
            await self._stop.wait()
            self._app = None


def check_agent(talent: str) -> None:
    """Raise IF_ERR_DENIED for a person: a policy that lets people act unasked must not let an agent act as one."""
    if talent.startswith("if://person/"):
        raise FabricError(
            Code.DENIED,
            f"{talent} is a person, and an agent does not act in person",
            remedy="Give the agent a talent of its own: `ifctl talent add --name NAME --owner PERSON`, and grant it.",
        )


def _import() -> tuple[Any, Any]:
    try:
        from mcp.server.transport_security import TransportSecuritySettings

        from infrafabric.control.mcp import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise FabricError(
            Code.EXTRA_MISSING, "the MCP server is not installed", remedy="pip install 'infrafabric[mcp]'"
        ) from None
    return server, TransportSecuritySettings
