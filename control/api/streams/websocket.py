"""Entries over WebSocket (RFC 6455): one text frame an entry, the same JSON as in the event stream.

The caller's first frame says where to begin: `{"resume": 41}` goes on behind entry 41, `{}` begins with what comes now.
Nothing else is expected of it. Close codes: 1000 the caller's wish, 1001 the kernel stops, 1008 leave was withdrawn or
the caller speaks out of turn, 1009 a frame is too large, 1013 it does not keep up; the reason names the code and where
to go on.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from infrafabric.control.api.streams.pace import HEARTBEAT_S, SLOW_S, Pace, Paced
from infrafabric.control.feed import Follower
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Closing", "FIRST_S", "MAX_FRAME", "MAX_FRAMES", "close", "first_frame", "stream"]

FIRST_S = 10.0
"""In which the first frame must come."""
MAX_FRAME = 1_024
"""Characters of a frame that is taken: one holds a number."""
MAX_FRAMES = 8
"""Frames of a caller beyond its first, from one heartbeat to the next: some libraries send their own pings so."""

_GOING_AWAY: Final = 1001
_POLICY: Final = 1008
_TOO_BIG: Final = 1009
_LATER: Final = 1013


class Closing(Exception):
    """The connection is to be closed, with that code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


async def first_frame(socket: WebSocket) -> int | None:
    """Where the caller wants to begin, on an accepted socket; None: now. Raises IF_ERR_USAGE for a frame not of that
    form, WebSocketDisconnect."""
    try:
        async with asyncio.timeout(FIRST_S):
            text = await _frame(socket)
    except TimeoutError:
        raise FabricError(Code.USAGE, f"no first frame came within {FIRST_S:g} s") from None
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or set(found) - {"resume"} or type(found.get("resume", 0)) not in (int, type(None)):
        raise FabricError(Code.USAGE, 'the first frame is {"resume": INDEX} or {}')
    resume: int | None = found.get("resume")
    return resume


async def stream(socket: WebSocket, follower: Follower, pace: Pace) -> None:
    """Hand a follower's entries to an accepted socket until either side ends it."""
    async with follower:
        listening = asyncio.create_task(_listen(socket, follower))
        try:
            with pace.keep(follower.nudge, follower.check) as paced:
                await _flow(socket, follower, paced)
            if paced.given_up:
                return
            code, reason = _GOING_AWAY, f"resume {follower.mark}"
        except FabricError as error:
            code = _LATER if error.code is Code.BUSY else _POLICY
            reason = f"{error.code.value}, resume {follower.mark}"
        finally:
            listening.cancel()
            ended = (await asyncio.gather(listening, return_exceptions=True))[0]
    if isinstance(ended, WebSocketDisconnect):
        return
    if isinstance(ended, Closing):
        code, reason = ended.code, ended.reason
    await close(socket, code, reason)


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close, unless the other side has gone."""
    try:
        async with asyncio.timeout(SLOW_S):
            await socket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return


async def _flow(socket: WebSocket, follower: Follower, paced: Paced) -> None:
    loop = asyncio.get_running_loop()

    async def out(text: str) -> None:
        paced.sending_since = loop.time()
        await socket.send_text(text)
        paced.idle_since, paced.sending_since = paced.sending_since, 0.0

    while (found := await follower.wait()) != ():
        if found is None:
            await out(f'{{"mark":{follower.mark}}}')
        else:
            for one in found:
                if follower.cut is not None:
                    raise follower.cut
                await out(one.text)


async def _listen(socket: WebSocket, follower: Follower) -> None:
    """Bear with a few frames; end the stream where the caller goes or floods."""
    loop = asyncio.get_running_loop()
    since, count = loop.time(), 0
    try:
        while True:
            await _frame(socket)
            if loop.time() - since > HEARTBEAT_S:
                since, count = loop.time(), 0
            count += 1
            if count > MAX_FRAMES:
                raise Closing(_POLICY, "nothing is expected of you")
    finally:
        follower.end(None)


async def _frame(socket: WebSocket) -> str:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or 1000)
    text = message.get("text")
    data = message.get("bytes") or b""
    if len(text or data) > MAX_FRAME:
        raise Closing(_TOO_BIG, f"a frame has at most {MAX_FRAME} characters")
    return text if text is not None else data.decode("utf-8", "replace")
