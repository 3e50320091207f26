"""Frames: JSON objects in UTF-8, each after its length as four bytes, most significant first. Pure but for the streams.

A connection is for one call:

    server  {"infrafabric": version, "pid": number, "origin": origin, "nonce": 32 hex digits}
    client  {"request": text, "proof": base64}      the text is JSON: {"call": name, "args": {…}}
    server  {"station": [action, station]}, {"step": text} or {"news": true}, as often as there is something to tell
    server  {"answer": …} or {"error": {"code", "message", "remedy", "retry_after"?}}

Either side may hang up at any time; a client that does so before its answer gives up what it asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["LENGTH_BYTES", "MAX_BYTES", "NONCE_BYTES", "encode", "read_frame"]

LENGTH_BYTES = 4
MAX_BYTES = 64 << 20
"""Of one frame: a receipt with the largest bodies that an action may leave, and room to spare."""
NONCE_BYTES = 16


def encode(frame: Mapping[str, Any]) -> bytes:
    """The frame's bytes. Raises IF_ERR_TOO_LARGE."""
    data = json.dumps(frame, separators=(",", ":")).encode("ascii")
    if len(data) > MAX_BYTES:
        raise FabricError(Code.TOO_LARGE, f"{len(data)} bytes where the local door takes {MAX_BYTES}")
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


async def read_frame(reader: asyncio.StreamReader, most: int = MAX_BYTES) -> dict[str, Any] | None:
    """The next frame; None where the other side hung up between frames.

    Raises IF_ERR_SERVER_ANSWER for what is no frame, IF_ERR_SERVER_UNREACHABLE where it hung up within one.
    """
    try:
        head = await reader.readexactly(LENGTH_BYTES)
        length = int.from_bytes(head, "big")
        if length > most:
            raise FabricError(Code.SERVER_ANSWER, f"a frame of {length} bytes where {most} are taken")
        data = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        if not error.partial and error.expected == LENGTH_BYTES:
            return None
        raise FabricError(Code.SERVER_UNREACHABLE, "the connection ended within a frame") from None
    except OSError as error:
        raise FabricError(Code.SERVER_UNREACHABLE, f"the connection broke: {error.strerror or error}") from None
    try:
        frame = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise FabricError(Code.SERVER_ANSWER, "a frame is no JSON") from None
    if not isinstance(frame, dict):
        raise FabricError(Code.SERVER_ANSWER, "a frame is no JSON object")
    return frame
