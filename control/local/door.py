"""The local door of a running kernel: lets in the processes of its own user that hold the log's key, a call each.

A caller that hangs up gives up its call: an action of it stops before its next write, as with Ctrl-C.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import infrafabric
from infrafabric.control.local import desk, wire
from infrafabric.control.local.calls import Call
from infrafabric.control.local.frames import NONCE_BYTES, encode, read_frame
from infrafabric.control.local.place import bind, is_own, unbind
from infrafabric.control.local.proof import proof
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.keys.signing import PublicKey

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["LocalDoor", "local_door"]

ASK_S = 20.0
"""How long a caller may take to say what it wants."""
MOST_CALLS = 256
"""Calls at once; one more is told to come again."""
Fault = Callable[[BaseException, str], FabricError]
"""Keeps a fault of InfraFabric's own under a trace, and gives what is said of it."""
More = Mapping[type[Call], Callable[[Any], Awaitable[Any]]]
"""Calls that are answered by whoever opened the door, rather than by the house."""


@asynccontextmanager
async def local_door(
    house: House, fault: Fault, stop_s: float, more: More | None = None
) -> AsyncIterator[LocalDoor | None]:
    """Keep the home's local door open; None where this system has none. At the end calls in hand have `stop_s` seconds.

    Raises IF_ERR_PORT_TAKEN.
    """
    listening = bind(house.home.root)
    if listening is None:
        yield None
        return
    door = LocalDoor(house, fault, more or {})
    try:
        server = await asyncio.start_unix_server(door.welcome, sock=listening)
        try:
            yield door
        finally:
            unbind(house.home.root)
            server.close()
            await door.end(stop_s)
    finally:
        unbind(house.home.root)


class LocalDoor:
    """The connections, and which of them have a call in hand."""

    def __init__(self, house: House, fault: Fault, more: More) -> None:
        self._house = house
        self._fault = fault
        self._more = more
        self._connected: set[asyncio.Task[None]] = set()
        self._in_hand: set[asyncio.Task[None]] = set()

    async def end(self, stop_s: float) -> None:
        """Wait for the calls in hand, then give up those that are left. Who asked for nothing yet is turned away."""
        left = self._connected - self._in_hand
        if self._in_hand:
            left |= (await asyncio.wait(self._in_hand, timeout=stop_s))[1]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. Never raises for what the other side does."""
        task = asyncio.current_task()
        assert task is not None
        self._connected.add(task)
        try:
            # Who is gone, or speaks otherwise, is not there to be told.
            with suppress(FabricError, OSError):
                await self._serve(reader, writer, task)
        finally:
            self._connected.discard(task)
            self._in_hand.discard(task)
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        if not _is_own(writer):
            return
        if len(self._connected) > MOST_CALLS:
            busy = FabricError(Code.BUSY, f"{MOST_CALLS} calls are in hand already", retry_after=1.0)
            await _say(writer, {"error": wire.error_to(busy)})
            return
        nonce, origin = secrets.token_hex(NONCE_BYTES), self._house.log.origin
        greeting = {"infrafabric": infrafabric.__version__, "pid": os.getpid(), "origin": origin, "nonce": nonce}
        await _say(writer, greeting)
        try:
            frame = await asyncio.wait_for(read_frame(reader), ASK_S)
        except TimeoutError:
            return
        if frame is None:  # it only wanted to know whether somebody is here
            return
        self._in_hand.add(task)
        try:
            answer = {"answer": await self._answer(self._read(frame, nonce, origin), reader, writer)}
        except FabricError as error:
            answer = {"error": wire.error_to(error)}
        await _say(writer, answer)

    def _read(self, frame: dict[str, Any], nonce: str, origin: str) -> Call:
        """The call, once its caller has shown the log's key. Raises IF_ERR_USAGE, IF_ERR_AUTH_INVALID."""
        request, shown = frame.get("request"), frame.get("proof")
        if not isinstance(request, str):
            raise FabricError(Code.USAGE, "the caller asks for nothing")
        try:
            asked = json.loads(request)
            call = desk.read_call(asked["call"], asked["args"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FabricError(Code.USAGE, "what the caller asks for cannot be read") from None
        if not call.proven:
            return call
        signature = wire.bytes_from(shown) if isinstance(shown, str) else b""
        message = proof(origin, nonce, request)
        if not any(PublicKey(key.public).verify(message, signature) for key in self._house.log.signing):
            raise FabricError(Code.AUTH_INVALID, "the caller does not hold the key of this home's log")
        return call

    async def _answer(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        """Do the call for as long as its caller listens. Raises what it does, IF_ERR_INTERRUPTED where nobody does."""

        def passing(frame: dict[str, Any]) -> None:
            if not writer.is_closing():
                writer.write(encode(frame))

        doing = asyncio.create_task(self._do(call, passing))
        leaving = asyncio.create_task(_hung_up(reader))
        try:
            await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise FabricError(Code.INTERRUPTED, "the caller hung up")
            return doing.result()
        except FabricError:
            raise
        except Exception as error:
            raise self._fault(error, new_trace_id()) from error
        finally:
            for task in (doing, leaving):
                task.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)

    async def _do(self, call: Call, passing: desk.Passing) -> Any:
        more = self._more.get(type(call))
        return await (desk.answer(self._house, call, passing) if more is None else more(call))


async def _hung_up(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read(1)  # a caller says nothing more: whatever comes is the end


async def _say(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    writer.write(encode(frame))
    await writer.drain()


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """A second look beside the socket's mode, which says the same."""
    descriptor = os.dup(writer.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as connection:
        return is_own(connection)
