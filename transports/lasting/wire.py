"""One connection: what the supervising `Link` needs of it, and the one that most drivers use, bytes to a `Session`.

A wire is born open: `dial` returns when the peer let us in. Then it calls `on_event` for what comes and, once, `on_end`
with the reason. It never calls either from within `ask`, and never after `abort`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from infrafabric.transports.address import Pin
from infrafabric.transports.lasting.session import Ended, Event, Malformed, Refused, Session, TooLarge

__all__ = ["Dial", "Lost", "OnEnd", "OnEvent", "SessionWire", "Wire", "dial"]

MIN_ATTEMPT_S = 0.25
PARTING_S = 1.0
"""How long the last words to a peer that takes its leave may take to be sent."""
MAX_UNSENT = 4 << 20
"""Bytes that may wait for a peer which does not read; one that has us answer pings without end meets it."""
OnEvent = Callable[[Event], None]
OnEnd = Callable[[Exception], None]
"""Given Lost, Ended, Refused, Malformed or TooLarge; anything else is a fault of the driver's own."""


class Lost(Exception):
    """The connection is gone. The text says how, free of what the peer sent."""


class Wire(Protocol):
    """An open connection. Methods are called in the loop's thread only."""

    ip: str
    """Where it leads."""
    heard_at: float
    """When anything last came from the peer, by the loop's clock."""
    limit: int
    """The largest message that is read, in bytes."""

    @property
    def one_at_a_time(self) -> bool:
        """See `Session`."""
        ...

    async def writable(self) -> None:
        """Return when a request would go out now, as far as this end can tell. Raises Lost."""
        ...

    def ask(self, request: Any) -> int:
        """Send a request; the ticket of its `Reply`. Raises Lost where certainly nothing was sent."""
        ...

    def forget(self, ticket: int) -> bool:
        """See `Session.forget`."""
        ...

    def probe(self) -> int | None:
        """See `Session.probe`."""
        ...

    def abort(self) -> None:
        """Drop the connection without a word."""
        ...

    async def closed(self) -> None:
        """Take leave where the protocol has words for it, drop the connection, and await that the socket is gone."""
        ...


Dial = Callable[[OnEvent, OnEnd, float], Awaitable[Wire]]
"""Connect and be let in before the given time (the loop's clock). Raises as `wire.dial` does, or FabricError."""


class SessionWire(asyncio.Protocol):
    """A byte stream with a `Session` at this end of it."""

    def __init__(self, session: Session, on_event: OnEvent, on_end: OnEnd) -> None:
        self.ip = ""
        self.heard_at = asyncio.get_running_loop().time()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = session
        self._on_event = on_event
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._drained = asyncio.Event()
        self._drained.set()
        self._over = False

    @property
    def limit(self) -> int:
        return self._session.limit

    @limit.setter
    def limit(self, value: int) -> None:
        self._session.limit = value

    @property
    def one_at_a_time(self) -> bool:
        return self._session.one_at_a_time

    # --- asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not subclasses
        self._session.begin()
        self._flush()
        self._note_opened()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self.heard_at = asyncio.get_running_loop().time()
        try:
            for event in self._session.receive(data):
                self._on_event(event)
                if self._over:
                    return
        except (Refused, Malformed, TooLarge, Ended) as reason:
            self._flush()  # what a core says in parting, such as a close frame
            self._end(reason)
            return
        except Exception as fault:
            self._end(fault)
            return
        self._flush()
        self._note_opened()

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def eof_received(self) -> bool:
        self._end(Lost("it closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._gone.done():
            self._gone.set_result(None)
        why = (exc.strerror if isinstance(exc, OSError) else None) or "it closed the connection"
        self._end(Lost(why))

    # --- Wire
    async def writable(self) -> None:
        await self._drained.wait()
        if self._over:
            raise Lost("it closed the connection")

    def ask(self, request: Any) -> int:
        if self._over or self._transport is None or self._transport.is_closing():
            raise Lost("it closed the connection")
        ticket = self._session.ask(request)
        self._flush()
        return ticket

    def forget(self, ticket: int) -> bool:
        return self._session.forget(ticket)

    def probe(self) -> int | None:
        ticket = self._session.probe()
        self._flush()
        return ticket

    def abort(self) -> None:
        self._over = True
        self._drained.set()
        if not self.opened.done():
            self.opened.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        self.abort()
        if self._transport is not None:
            await self._gone

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _note_opened(self) -> None:
        if self._session.opened and not self.opened.done():
            self.opened.set_result(None)

    def _flush(self) -> None:
        data = self._session.outgoing()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > MAX_UNSENT:
                asyncio.get_running_loop().call_soon(self._end, Lost("it does not read what it is sent"))

    def _end(self, reason: Exception) -> None:
        if self._over:
            return
        self._over = True
        self._drained.set()
        if self._transport is not None:
            if isinstance(reason, Ended):
                self._transport.close()
                asyncio.get_running_loop().call_later(PARTING_S, self._cut)
            else:
                self._transport.abort()
        if self.opened.done():
            self._on_end(reason)
        else:
            self.opened.set_exception(reason)


async def dial(
    pin: Pin,
    context: ssl.SSLContext | None,
    make: Callable[[], Session],
    on_event: OnEvent,
    on_end: OnEnd,
    deadline: float,
) -> SessionWire:
    """Connect to the pinned addresses in turn and be let in. `deadline` is by the loop's clock; the caller keeps it.

    Raises OSError (ssl.SSLError among them) where there was no connection; Refused, Malformed, TooLarge, Ended or Lost
    where the opening failed.
    """
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("no address to connect to")
    for position, ip in enumerate(pin.order):
        share = (deadline - loop.time()) / (len(pin.order) - position)
        try:
            async with asyncio.timeout(max(share, MIN_ATTEMPT_S)):
                _, wire = await loop.create_connection(
                    lambda: SessionWire(make(), on_event, on_end), ip, pin.endpoint.port,
                    ssl=context, server_hostname=pin.endpoint.host if context is not None else None,
                )  # fmt: skip
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:  # TimeoutError is one
            failure = error
            continue
        wire.ip = ip
        try:
            await wire.opened
        except BaseException:
            wire.abort()
            raise
        return wire
    raise failure
