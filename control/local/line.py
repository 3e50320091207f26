"""A call to the kernel that has the home open: one connection each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import infrafabric
from infrafabric.control.local.calls import Call
from infrafabric.control.local.frames import encode, read_frame
from infrafabric.control.local.place import connect
from infrafabric.control.local.proof import proof
from infrafabric.control.local.wire import bytes_to, error_from
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey

__all__ = ["Greeting", "Line", "Passing", "greeted"]

GREET_S = 10.0
"""How long a kernel may take to say that it is one: it may be busy, and is not away."""

Passing = Callable[[dict[str, Any]], None]
"""Hears what is told before the answer."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a kernel says of itself to whoever connects."""

    version: str
    pid: int
    origin: str
    nonce: str


class Line:
    """The way to the running kernel of one home. `key` gives the log's key, by which the kernel knows its callers; None
    is enough for calls that need no proof."""

    def __init__(self, home: Path, key: Callable[[], SigningKey] | None = None) -> None:
        self._home = home
        self._key = key
        self._loaded: SigningKey | None = None

    async def call(self, call: Call, passing: Passing | None = None) -> Any:
        """The answer to a call. Who gives up waiting hangs up, and the kernel gives up what was asked for.

        Raises what the kernel raised, IF_ERR_SERVER_UNREACHABLE where it is gone before it answered,
        IF_ERR_SERVER_ANSWER where it is no kernel of this version, IF_ERR_KEY_*, IF_ERR_PASSPHRASE_*.
        """
        async with self.frames(call) as frames:
            async for frame in frames:
                if "answer" in frame:
                    return frame["answer"]
                if passing is not None:
                    passing(frame)
        raise _gone()

    @asynccontextmanager
    async def frames(self, call: Call) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """All that the kernel says to a call, until either side hangs up. Raises as `call` does."""
        arguments = call.model_dump(mode="json", by_alias=True)
        request = json.dumps({"call": call.name(), "args": arguments})
        if (
            call.proven and self._loaded is None
        ):  # before the kernel is made to wait: a person may be asked for a passphrase
            assert self._key is not None, "the call needs the log's key"
            self._loaded = await asyncio.to_thread(self._key)
        async with greeted(self._home) as found:
            if found is None:
                raise _gone()
            greeting, reader, writer = found
            signature = b""
            if call.proven and self._loaded is not None:
                signature = self._loaded.sign(proof(greeting.origin, greeting.nonce, request))
            with suppress(OSError):  # it hung up: what it said before is read
                writer.write(encode({"request": request, "proof": bytes_to(signature)}))
                await writer.drain()
            yield _told(reader)


@asynccontextmanager
async def greeted(home: Path) -> AsyncIterator[tuple[Greeting, asyncio.StreamReader, asyncio.StreamWriter] | None]:
    """A connection to the kernel that has the home open, after its greeting; None where none answers.

    Raises IF_ERR_SERVER_ANSWER where a kernel of another version runs.
    """
    connection = await asyncio.to_thread(connect, home)
    if connection is None:
        yield None
        return
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    try:
        yield await _greeting(reader), reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _greeting(reader: asyncio.StreamReader) -> Greeting:
    try:
        frame = await asyncio.wait_for(read_frame(reader), GREET_S)
    except TimeoutError:
        raise FabricError(Code.SERVER_UNREACHABLE, f"the kernel says nothing within {GREET_S:g} s") from None
    if frame is None:
        raise _gone()
    try:
        found = Greeting(str(frame["infrafabric"]), int(frame["pid"]), str(frame["origin"]), str(frame["nonce"]))
    except (KeyError, TypeError, ValueError):
        raise FabricError(Code.SERVER_ANSWER, "what has the home open does not greet as a kernel does") from None
    if found.version != infrafabric.__version__:
        said = f"the kernel that runs (process {found.pid}) is of version {found.version}"
        remedy = "Start it again, so that both are of one version."
        raise FabricError(Code.SERVER_ANSWER, f"{said}, this is {infrafabric.__version__}", remedy=remedy)
    return found


async def _told(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    while (frame := await read_frame(reader)) is not None:
        if "error" in frame:
            raise error_from(frame["error"])
        yield frame


def _gone() -> FabricError:
    return FabricError(
        Code.SERVER_UNREACHABLE,
        "the kernel that had the home open ended before it answered",
        remedy="`ifctl action list` shows what became of an action; then ask again.",
    )
