"""The MCP server: tools listed and called for whoever a request comes from, and word when a talent's tools change."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams

import infrafabric
from infrafabric.control.mcp.calls import Caller, call
from infrafabric.control.mcp.tools import offers, tools
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.names import new_trace_id, trace_id

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Tools", "serve_stdio"]

LOOK_S = 1.0
"""Seconds between two looks whether grants or trust have changed what a talent may use."""
MOST_CLIENTS = 1_024
"""Clients that are told of changes; the one that listed its tools longest ago goes first."""

INSTRUCTIONS = """\
These tools act on real systems. Every call is planned, decided by policy and recorded; say why in `why`.
`plan` shows what would change. Where people have to agree, the outcome is `waiting`: call `await_approval`.
A refusal has a code, what to do about it, and `retry_after` in seconds where waiting helps.\
"""

Context = Any
Whose = Callable[[Context], Awaitable[Caller]]
"""On whose behalf a request is made. Raises IF_ERR_AUTH_*, IF_ERR_TALENT_*."""


@dataclass(slots=True)
class _Client:
    """Who listed tools, and what they were then."""

    session: ServerSession
    talent: str
    caller: Caller
    digest: str


class Tools:
    """The server over one open house."""

    def __init__(self, house: House, whose: Whose) -> None:
        self._house = house
        self._whose = whose
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._bus = InMemorySubscriptionBus()
        self.server: Server[Any] = Server(
            "infrafabric",
            version=infrafabric.__version__,
            title="InfraFabric",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=ListenHandler(self._bus),
        )

    @property
    def options(self) -> Any:
        return self.server.create_initialization_options(NotificationOptions(tools_changed=True))

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Meanwhile clients are told when the tools that they were shown are others."""
        task = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _list(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        caller = await self._whose(context)
        found = tools(offers(self._house, caller.talent), caller.scopes)
        name = _client_of(context)
        self._clients[name] = _Client(context.session, caller.talent.id, caller, _digest(found))
        self._clients.move_to_end(name)
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return ListToolsResult(tools=found, cache_scope="private")

    async def _call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        caller = await self._whose(context)
        passed = 0
        telling: set[asyncio.Task[None]] = set()

        def watcher(action: str, station: Station) -> None:
            nonlocal passed
            passed += 1
            task = asyncio.create_task(context.session.report_progress(passed, message=station.value))
            telling.add(task)
            task.add_done_callback(telling.discard)

        try:
            return await call(self._house, caller, params.name, params.arguments or {}, _trace(context), watcher)
        finally:
            if telling:
                await asyncio.wait(telling)

    async def _tell(self) -> None:
        size = self._house.reading.size
        while True:
            await asyncio.sleep(LOOK_S)
            if self._house.reading.size == size:
                continue
            size = self._house.reading.size
            changed = False
            for name, client in list(self._clients.items()):
                digest = self._now(client.caller)
                if digest != client.digest:
                    changed = True
                    client.digest = digest
                    try:
                        await client.session.send_tool_list_changed()
                    except Exception as error:  # whoever does not listen any more is no reason not to tell the others
                        self._clients.pop(name, None)
                        self._house.logger.info("mcp.client.gone", cause=type(error).__name__)
            if changed:
                await self._bus.publish(ToolsListChanged())

    def _now(self, caller: Caller) -> str:
        try:
            talent = self._house.authority.talent(caller.talent.id)
        except FabricError:
            return ""
        return _digest(tools(offers(self._house, talent), caller.scopes))


async def serve_stdio(house: House, talent: str) -> None:
    """Serve one agent on stdin and stdout until it closes them. Raises IF_ERR_TALENT_*."""
    from mcp.server.stdio import stdio_server

    house.authority.talent(talent)

    async def whose(context: Context) -> Caller:
        return Caller(house.authority.talent(talent))

    served = Tools(house, whose)
    async with served.telling(), stdio_server() as (reading, writing):
        await served.server.run(reading, writing, served.options)


def _client_of(context: Context) -> str:
    """By what a client is known: its HTTP session, else there is only one."""
    request = context.request
    return "" if request is None else str(request.headers.get("mcp-session-id", ""))


def _trace(context: Context) -> str:
    """The trace that the client named (W3C traceparent in `_meta` or the HTTP header), else a fresh one."""
    meta = context.meta or {}
    given = meta.get("traceparent") or (context.request.headers.get("traceparent") if context.request else None)
    if isinstance(given, str):
        with suppress(FabricError):
            return trace_id(given)
    return new_trace_id()


def _digest(found: list[Any]) -> str:
    return sha256(dumps([tool.model_dump(mode="json", exclude_none=True) for tool in found]))
