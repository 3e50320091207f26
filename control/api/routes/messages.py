"""`/v1/messages`: envelopes of IF.connect v2.1. An envelope says itself who sends it, so no other credentials are asked
for. What is refused is counted by address, and an address that had too much refused has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from infrafabric.control.api.dependencies import Reading, TheService
from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.api.problems import problem_of
from infrafabric.control.api.service import Service
from infrafabric.control.api.streams.pace import SLOW_S
from infrafabric.control.api.streams.websocket import close
from infrafabric.control.api.tenancy import own_talent
from infrafabric.control.messages.senders import sender_json
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["router", "send"]

MOST_UNANSWERED = 64
"""Frames of one stream that are under way: more are read when one of them is answered."""
FIRST_S = 10.0
"""In which a stream's first frame must come."""
IDLE_S = 120.0
"""A stream of which no message was admitted for so long, and none is under way, is closed: whoever can sign nothing
holds no place for longer."""
TOO_MANY_STREAMS = 1013
"""WebSocket close code: try again later (IANA registry of RFC 6455)."""
SILENT = 1008
"""WebSocket close code: policy violation."""


class PlainRoute(APIRoute):
    """A route that stands in the OpenAPI document and answers without FastAPI's models: its endpoint takes the request
    and gives the response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


router = APIRouter(prefix="/messages", tags=["messages"])


async def send(request: Request) -> Response:
    """Admit an envelope, or a frame with its evidence; a request is then done as its sender.

    The answer says what was decided, where the message stands in the log, and holds the receipt of its entry.
    """
    service: Service = request.app.state.service
    _check_media_type(request)
    answer = await service.house.messages.take(await request.body(), passing_of(request.scope).address)
    return Response(orjson.dumps(answer), media_type="application/json")


router.add_api_route(
    "",
    send,
    methods=["POST"],
    route_class_override=PlainRoute,
    responses={
        200: {"description": "The message is in the log.", "content": {"application/json": {}}},
        409: {"description": "It was sent before, or does not come after the sender's last."},
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "security": [],
    },
)


@router.get("/senders/{name:path}")
async def sender(name: str, service: TheService, caller: Reading) -> dict[str, Any]:
    """The last number of a sender of the caller's tenant, and the one that comes next."""
    house = service.house
    talent = house.authority.talent(own_talent(house, caller, name))
    return sender_json(house.log.facts, talent.id, talent.key)


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """One envelope a frame, one answer a frame. Answers come as they are ready; each names the `id` of its message, and
    `frame`, how many frames came before it."""
    service: Service = socket.app.state.service
    address = passing_of(socket.scope).address
    try:
        with service.house.messages.streaming(address):
            await socket.accept()
            await _Stream(socket, service, address).run()
    except FabricError as error:
        await socket.close(TOO_MANY_STREAMS, error.code.value)


class _Stream:
    """One WebSocket: frames are taken in the order in which they come, as many at once as `MOST_UNANSWERED`."""

    def __init__(self, socket: WebSocket, service: Service, address: str) -> None:
        self._socket, self._service, self._address = socket, service, address
        self._room = asyncio.Semaphore(MOST_UNANSWERED)
        self._writing = asyncio.Lock()
        self._gone = False
        self._under_way = 0
        self._until = 0.0
        """When it has been idle for too long, by the loop's clock."""

    async def run(self) -> None:
        loop, number, silent = asyncio.get_running_loop(), 0, False
        self._until = loop.time() + FIRST_S
        async with asyncio.TaskGroup() as tasks:
            while not self._gone:
                await self._room.acquire()
                try:
                    async with asyncio.timeout_at(self._until):
                        message = await self._socket.receive()
                except TimeoutError:
                    self._room.release()
                    if loop.time() < self._until:
                        continue
                    if not self._under_way:
                        silent = True
                        break
                    self._until = loop.time() + IDLE_S
                    continue
                except (WebSocketDisconnect, RuntimeError):
                    break
                if message["type"] == "websocket.disconnect":
                    break
                data = message.get("bytes")
                if data is None:
                    data = message.get("text", "").encode("utf-8", "surrogatepass")
                if not number:
                    self._until = loop.time() + IDLE_S
                self._under_way += 1
                tasks.create_task(self._take(number, data))
                number += 1
        if silent:
            await close(
                self._socket, SILENT, f"{Code.USAGE.value}: {'no message' if number else 'no first frame'} came"
            )

    async def _take(self, number: int, data: bytes) -> None:
        try:
            answer = {"frame": number, **await self._service.house.messages.take(data, self._address)}
            self._until = asyncio.get_running_loop().time() + IDLE_S
        except FabricError as error:
            path, trace = self._socket.url.path, passing_of(self._socket.scope).trace
            shown = self._service.house.kernel.parts.masked(error)
            answer = {"frame": number, "problem": problem_of(shown, path, trace)}
        except Exception as fault:
            kept = self._service.keep(fault, passing_of(self._socket.scope).trace)
            answer = {"frame": number, "problem": problem_of(kept, self._socket.url.path)}
        async with self._writing:
            await self._answer(answer)
        self._under_way -= 1
        self._room.release()

    async def _answer(self, answer: dict[str, Any]) -> None:
        if self._gone or self._socket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(SLOW_S):
                await self._socket.send_text(orjson.dumps(answer).decode())
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            self._gone = True  # the message stays admitted; its answer has nowhere to go


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise FabricError(Code.MEDIA_TYPE, f"{given[:60] or 'nothing'} where application/json is taken")
