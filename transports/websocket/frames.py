"""RFC 6455 at the client's end: bytes to whole messages and back. Pure, around the core of `websockets`.

No message is read that is larger than the limit: it is refused by its header, before it comes. Compression is not
offered, so nothing unfolds. Nothing is logged: frames hold passwords and tokens.
"""

from __future__ import annotations

import logging  # noqa: TID251 - to silence it
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI

from infrafabric.transports.endpoint import Endpoint
from infrafabric.transports.lasting.session import Ended, Malformed, Refused, TooLarge

__all__ = ["Closed", "Frames", "Message", "Pong"]

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")
_PIECE = 16 * 1024
"""Bytes taken at once: each may be half a frame, and each frame is an object."""
_SILENT = logging.Logger("infrafabric.transports.websocket")  # noqa: LOG001  (one that no setting can turn on)
_SILENT.disabled = True


class Closed(Ended):
    """The peer sent a close frame (RFC 6455 section 5.5.1)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"it closed the connection with {code}" + (f", {reason}" if reason else ""))
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A whole text or binary message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `ping(payload)`, or one that nobody asked for."""

    payload: bytes


class Frames:
    """One connection. `headers` go into the upgrade request beside those that the protocol needs."""

    def __init__(self, endpoint: Endpoint, headers: Sequence[tuple[str, str]] = (), limit: int = 1 << 20) -> None:
        uri = WebSocketURI(endpoint.tls, endpoint.host, endpoint.port, endpoint.prefix or "/", "")
        self._protocol = ClientProtocol(uri, max_size=limit, logger=_SILENT)
        self._headers = headers
        self._head = b""
        self._parts = bytearray()

    @property
    def limit(self) -> int:
        return self._protocol.max_message_size or 0

    @limit.setter
    def limit(self, value: int) -> None:
        self._protocol.max_message_size = value

    @property
    def open(self) -> bool:
        """Whether the upgrade is over."""
        return self._protocol.state is OPEN

    def begin(self) -> None:
        """Queue the upgrade request."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = "infrafabric"
        for name, value in self._headers:
            request.headers[name] = value
        self._protocol.send_request(request)

    def feed(self, data: bytes) -> Iterator[Message | Pong]:
        """What came. Raises Refused (401, 403), Malformed, TooLarge, Closed."""
        upgrading = not self.open
        if upgrading:
            self._check_status(data)
        for start in range(0, len(data), _PIECE):
            self._protocol.receive_data(data[start : start + _PIECE])
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    yield from self._frame(event)
            if upgrading and self._protocol.handshake_exc is not None:
                raise Malformed("no upgrade to WebSocket")
            fault = self._protocol.parser_exc
            if isinstance(fault, PayloadTooBig):
                raise TooLarge
            if fault is not None:
                raise Malformed("no WebSocket frame")

    def send(self, text: bytes) -> None:
        """Queue a text message."""
        self._protocol.send_text(text)

    def ping(self, payload: bytes) -> None:
        self._protocol.send_ping(payload)

    def outgoing(self) -> bytes:
        return b"".join(self._protocol.data_to_send())

    def _check_status(self, data: bytes) -> None:
        """Take a no by its first line: its body may be long, or end with the connection only."""
        self._head = (self._head + data)[:64]
        found = _STATUS.match(self._head)
        if found is None:
            if len(self._head) >= 13:
                raise Malformed("no HTTP")
            return
        status = int(found[1])
        if status in (401, 403):
            raise Refused(f"HTTP {status}")
        if status != 101:
            raise Malformed(f"HTTP {status} instead of an upgrade to WebSocket")

    def _frame(self, frame: Frame) -> Iterator[Message | Pong]:
        if frame.opcode is Opcode.CLOSE:
            close = Close.parse(frame.data)
            raise Closed(close.code, close.reason)
        if frame.opcode is Opcode.PONG:
            yield Pong(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.fin and not self._parts:
                yield Message(bytes(frame.data))
                return
            self._parts += frame.data  # websockets counts the parts' size against the limit
            if frame.fin:
                whole = bytes(self._parts)
                self._parts.clear()
                yield Message(whole)
