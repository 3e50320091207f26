"""Frames between the kernel and its workers: two big-endian lengths, a JSON object, bytes that may follow it.

Requests of the kernel's, each answered in order unless it says otherwise; the worker opens with a greeting
`{"applied", "missing", "note"}` or `{"fault", "message"}`:

    {"do": "compile", "files", "entrypoint"}                    → {"ok", "text"}
    {"do": "define", "adapter", "runtime", "entrypoint"} + code → {"ok", "text"}     tries to load it, too
    {"do": "begin", "run", "adapter", "call", "answers", "limits", "spent_ms"}
                                                                → {"steps": [[ok, text], …], "cpu_ms"}
    {"do": "resume", "run", "answer"}                           → {"steps": [[ok, text]], "cpu_ms"}
    {"do": "drop", "run"}, {"do": "forget", "adapter"}          no answer

`{"fault": REASON, "message", "cpu_ms"}` answers any of them when the guest came to no answer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["HEADER", "MAX_FRAME", "Decoder", "FrameError", "decode", "encode", "lengths"]

HEADER = struct.Struct(">II")
MAX_FRAME = 256 << 20
"""Bytes; what is longer is no frame of ours."""


class FrameError(Exception):
    """The peer sent something that is not a frame."""


def encode(message: dict[str, Any], blob: bytes = b"") -> bytes:
    body = orjson.dumps(message)
    return b"".join((HEADER.pack(len(body), len(blob)), body, blob))


def lengths(header: bytes) -> tuple[int, int]:
    """Bytes of JSON and bytes after it."""
    body, blob = HEADER.unpack(header)
    if body + blob > MAX_FRAME:
        raise FrameError(f"a frame of {body + blob} bytes")
    return body, blob


def decode(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FrameError(str(error)) from None
    if not isinstance(message, dict):
        raise FrameError("a frame that is no JSON object")
    return message


class Decoder:
    """Bytes in, messages out, whatever the pieces they come in."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = 0

    def feed(self, data: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Messages that are complete now, with what follows each. Raises FrameError."""
        self._buffer += data
        while len(self._buffer) >= max(HEADER.size, self._wanted):
            body, blob = lengths(bytes(self._buffer[: HEADER.size]))
            self._wanted = HEADER.size + body + blob
            if len(self._buffer) < self._wanted:
                return
            frame = bytes(self._buffer[HEADER.size : self._wanted])
            del self._buffer[: self._wanted]
            self._wanted = 0
            yield decode(frame[:body]), frame[body:]
