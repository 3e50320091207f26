"""HTTP/1.1 connections to pinned addresses: h11 (sans-I/O) over asyncio transports, kept alive in a small pool.

A connection carries one request at a time. `Connection.sent` says whether any byte of the present request may have
left. Bytes that arrive between requests, an early end or a broken message make a connection useless; such a one is
aborted, never reused. Nothing is retried here except connecting, before a request has begun.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import h11

from infrafabric.transports.address import Pin

__all__ = ["Connection", "Disconnected", "Head", "Malformed", "Pool"]

MAX_HEAD = 64 * 1024
"""Status line and headers of an answer, in bytes."""
MAX_INTERIM = 16
"""1xx answers before the real one."""
_HIGH_WATER = 256 * 1024
_MIN_ATTEMPT_S = 0.25


class Malformed(Exception):
    """The answer is not HTTP/1.1. The text is free of what the peer sent."""


class Disconnected(Exception):
    """The peer closed the connection before its answer was complete."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of an answer; header names lower-case."""

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Connection(asyncio.Protocol):
    """One connection. Made by `Pool`; not safe for concurrent requests."""

    def __init__(self) -> None:
        self.ip = ""
        self.sent = False
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._received = bytearray()
        self._ended = False
        self._told_end = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._idle = False
        self._lost = asyncio.get_running_loop().create_future()

    # --- asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not subclasses

    def data_received(self, data: bytes) -> None:
        if self._idle:
            self.abort()  # no answer is due: whatever this is, the next request must not take it for its own
            return
        self._received += data
        if len(self._received) > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._transport = None
        if not self._lost.done():
            self._lost.set_result(None)
        self._wake()

    # --- a request and its answer
    async def send(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Head:
        """Send a request and await the answer's head. Raises Malformed, Disconnected."""
        if self._transport is None or self._ended:
            raise Disconnected
        request = h11.Request(
            method=method,
            target=target,
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers],
        )
        data = self._http.send(request) or b""
        if body:
            data += self._http.send(h11.Data(data=body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self.sent = True
        self._transport.write(data)
        for _ in range(MAX_INTERIM):
            event = await self._event()
            if isinstance(event, h11.Response):
                return Head(event.status_code, bytes(event.reason), tuple(event.headers))
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise Malformed("an upgrade that was not asked for")
        raise Malformed("too many interim answers")

    async def body(self) -> AsyncIterator[bytes]:
        """The answer's body as it comes, still encoded. Raises Malformed, Disconnected."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return
            else:
                raise Malformed("data where none belongs")

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
                if event is not h11.NEED_DATA:
                    return event
                if not self._received:
                    await self._arrival()
                if self._received:
                    self._http.receive_data(bytes(self._received))
                    self._received.clear()
                    if self._paused and self._transport is not None:
                        self._paused = False
                        self._transport.resume_reading()
                else:
                    if self._http.their_state is h11.SEND_RESPONSE:
                        raise Disconnected
                    self._http.receive_data(b"")
                    self._told_end = True
            except h11.RemoteProtocolError as error:
                if self._told_end:
                    raise Disconnected from None
                raise Malformed(type(error).__name__) from None

    async def _arrival(self) -> None:
        if self._ended:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- between requests
    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._ended and not self._transport.is_closing()

    def rest(self, keepalive_s: float) -> bool:
        """Make ready for another request; False (and closed) where the connection cannot carry one."""
        try:
            self._http.start_next_cycle()
        except h11.LocalProtocolError:
            self.abort()
            return False
        if not self.usable or self._received or self._http.trailing_data[0] or keepalive_s <= 0:
            self.abort()
            return False
        self.sent = False
        self._idle = True
        self.idle_since = time.monotonic()
        self._expiry = asyncio.get_running_loop().call_later(keepalive_s, self.abort)
        return True

    def take(self) -> None:
        """End of rest."""
        self._idle = False
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def abort(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        """Abort, and await that the socket is gone."""
        self.abort()
        if self._transport is not None:
            await self._lost


@dataclass(slots=True)
class Pool:
    """The connections of one pin. `max_idle` are kept at most; how many are in use is the governor's business."""

    pin: Pin
    context: ssl.SSLContext | None
    keepalive_s: float
    max_idle: int = 16
    _idle: list[Connection] = field(default_factory=list)

    async def take(self, idle_s: float, deadline: float) -> Connection:
        """A connection that rested for at most `idle_s`, or a new one. Raises OSError (ssl.SSLError among them)."""
        while self._idle:
            connection = self._idle.pop()
            fresh = time.monotonic() - connection.idle_since <= idle_s
            if connection.usable and fresh and connection.ip in self.pin.order:
                connection.take()
                return connection
            connection.abort()
        return await self._connect(deadline)

    def give(self, connection: Connection, keepalive_s: float) -> None:
        """Take back a connection whose answer was read to its end."""
        self._idle = [resting for resting in self._idle if resting.usable]
        if len(self._idle) < self.max_idle and connection.rest(min(keepalive_s, self.keepalive_s)):
            self._idle.append(connection)
        else:
            connection.abort()

    async def close(self) -> None:
        resting, self._idle = self._idle, []
        for connection in resting:
            await connection.closed()

    async def _connect(self, deadline: float) -> Connection:
        """To the pinned addresses in turn, each with a fair share of the time left until `deadline` (monotonic)."""
        loop = asyncio.get_running_loop()
        host = self.pin.endpoint.host
        failure: OSError = OSError("no address to connect to")
        for position, ip in enumerate(self.pin.order):
            share = (deadline - time.monotonic()) / (len(self.pin.order) - position)
            try:
                async with asyncio.timeout(max(share, _MIN_ATTEMPT_S)):
                    _, connection = await loop.create_connection(
                        Connection, ip, self.pin.endpoint.port,
                        ssl=self.context, server_hostname=host if self.context is not None else None,
                    )  # fmt: skip
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:  # TimeoutError is one
                failure = error
            else:
                connection.ip = ip
                return connection
        raise failure
