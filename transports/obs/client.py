"""One connection to OBS as a `lasting.wire.Wire`: simpleobsws, connected where we say and watched from outside.

simpleobsws speaks the protocol: the opening with its password, requests, batches. What does not fit a kernel is done
here instead. It connects by name, through the environment's proxies and along redirects. It formats every message for a
debug log, the opening too, and makes a task of every event, which takes 0.7 ms each: a flood of events held up the
answers behind it for seconds. It goes on after what is not of the protocol, and a call that waits when the connection
ends waits on: here everything that waits fails at once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging  # noqa: TID251 - to silence it
import socket
import ssl
from collections.abc import Callable
from typing import Any

import msgpack
import simpleobsws
import websockets
from websockets.asyncio.client import ClientConnection

from infrafabric.transports.address import Pin
from infrafabric.transports.lasting.session import Ended, Malformed, News, Refused, Reply, TooLarge
from infrafabric.transports.lasting.wire import MAX_UNSENT, Lost, OnEnd, OnEvent
from infrafabric.transports.obs.protocol import CLOSED_OUT, LOW_VOLUME
from infrafabric.transports.obs.template import Batch, Request

__all__ = ["ObsWire", "dial"]

MIN_ATTEMPT_S = 0.25
LEAVE_S = 0.5
"""How long OBS is given to answer our leave-taking."""
TOO_BIG = 1009
"""The code with which this end closes a connection on which a message was too large (RFC 6455 section 7.4.1)."""
UNREAD = "it does not read what it is sent"
_CARRIED = websockets.exceptions.WebSocketException
HELLO, IDENTIFIED, EVENT, RESPONSE, BATCH_RESPONSE = 0, 2, 5, 7, 9
"""WebSocketOpCode."""
_SILENT = logging.Logger("infrafabric.obs", logging.CRITICAL + 1)
"""What is said in an opening is logged nowhere."""
simpleobsws.log.setLevel(logging.INFO)


class _Connection(ClientConnection):
    """A connection that ends where the peer does not read: it can make us answer its pings without end."""

    unread = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.bound()

    def bound(self) -> bool:
        """Whether what waits to be sent is in bounds. Where it is not, the connection is dropped."""
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self.unread = True
            self.transport.abort()
        return not self.unread


class _Client(simpleobsws.WebSocketClient):  # type: ignore[misc]  # simpleobsws has no types
    """simpleobsws on a socket that is connected already."""

    ws: _Connection
    recv_task: asyncio.Task[None] | None

    def __init__(self, url: str, password: str, sock: socket.socket, tls: ssl.SSLContext | None, limit: int) -> None:
        parameters = simpleobsws.IdentificationParameters(eventSubscriptions=LOW_VOLUME)
        super().__init__(url, password, parameters)
        self._sock = sock
        self._tls = tls
        self._limit = limit
        self.heard_at = asyncio.get_running_loop().time()
        self.ended: websockets.ConnectionClosed | None = None
        self.on_event: Callable[[str], None] = lambda event: None

    async def connect(self) -> bool:
        secure: dict[str, Any] = {"ssl": self._tls} if self._tls is not None else {}
        connection = await websockets.connect(
            self.url, sock=self._sock, create_connection=_Connection,
            subprotocols=[websockets.Subprotocol("obswebsocket.msgpack")], max_size=self._limit, compression=None,
            user_agent_header="infrafabric", logger=_SILENT, open_timeout=None, ping_interval=None,
            close_timeout=LEAVE_S, **secure,
        )  # fmt: skip
        assert isinstance(connection, _Connection)
        self.ws = connection
        self.ws_open = True
        self.recv_task = asyncio.create_task(self._ws_recv_task())
        return True

    async def _ws_recv_task(self) -> None:
        """Receive until the connection ends. Raises what is not of the protocol: KeyError, TypeError, ValueError, …"""
        try:
            while True:
                message = await self.ws.recv(decode=False)
                self.heard_at = asyncio.get_running_loop().time()
                payload = msgpack.unpackb(message)
                said, data = payload["op"], payload["d"]
                if said in (RESPONSE, BATCH_RESPONSE):
                    waiter = self.waiters.get(data["requestId"])
                    if waiter is not None:
                        waiter.response_data = data
                        waiter.event.set()
                elif said == EVENT:
                    self.on_event(data["eventType"])
                elif said == HELLO:
                    self.hello_message = data
                    await self._send_identify(self.password, self.identification_parameters)
                elif said == IDENTIFIED:
                    self.identified = True
                    async with self.cond:
                        self.cond.notify_all()
        except websockets.ConnectionClosed as closed:
            self.ended = closed
        finally:
            self.ws_open = self.identified = False


class ObsWire:
    """An open connection to OBS. Requests are `Request` or `Batch`; replies hold a response or a list of them."""

    one_at_a_time = False

    def __init__(self, client: _Client, ip: str, on_event: OnEvent, on_end: OnEnd, limit: int) -> None:
        self.ip = ip
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._limit = limit
        self._on_event = on_event
        self._on_end = on_end
        self._tickets = itertools.count(1)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._over = False
        client.on_event = self._told
        assert client.recv_task is not None
        client.recv_task.add_done_callback(self._done)

    @property
    def heard_at(self) -> float:
        return self._client.heard_at

    @heard_at.setter
    def heard_at(self, value: float) -> None:
        self._client.heard_at = value

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        self._limit = value
        self._client.ws.protocol.max_message_size = value

    async def writable(self) -> None:
        if self._over:
            raise Lost("it closed the connection")

    def ask(self, request: Request | Batch) -> int:
        if self._over or not self._client.identified:
            raise Lost("it closed the connection")
        if not self._client.ws.bound():
            raise Lost(UNREAD)
        return self._begin(request)

    def tell(self, request: Any) -> None:
        raise Malformed("obs-websocket answers every request")

    def probe(self) -> int | None:
        return None if self._over else self._begin(None)

    def forget(self, ticket: int) -> bool:
        task = self._tasks.get(ticket)
        if task is not None:
            task.cancel()
        return True  # every answer names its request

    def abort(self) -> None:
        self._over = True
        self._stop()
        self._client.ws.transport.abort()

    async def closed(self) -> None:
        over, self._over = self._over, True
        tasks = self._stop()
        if not over:
            await self._client.ws.close(1000)  # waits for close_timeout at most
        self._client.ws.transport.abort()
        await self._client.ws.wait_closed()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, request: Request | Batch | None) -> int:
        ticket = next(self._tickets)
        task = self._tasks[ticket] = self._loop.create_task(self._carry(ticket, request))
        task.add_done_callback(lambda _: self._tasks.pop(ticket, None))
        return ticket

    async def _carry(self, ticket: int, request: Request | Batch | None) -> None:
        """Make the request and hand on the answer. The connection's end is told by `_done`, whatever this task sees."""
        value: Any = None
        try:
            if request is None:
                await (await self._client.ws.ping())
            elif isinstance(request, Batch):
                parts = [simpleobsws.Request(part.type, part.data) for part in request.requests]
                value = await self._client.call_batch(parts, timeout=None)
            else:
                value = await self._client.call(simpleobsws.Request(request.type, request.data), timeout=None)
        except (_CARRIED, simpleobsws.NotIdentifiedError, OSError):
            return
        except (KeyError, TypeError, AttributeError) as fault:  # an answer without what every answer has
            self._end(Malformed(f"{type(fault).__name__} in an answer"))
            return
        if not self._over:
            self._on_event(Reply(ticket, value))

    def _told(self, event: str) -> None:
        if not self._over:
            self._on_event(News(event))

    def _done(self, receiving: asyncio.Task[None]) -> None:
        """simpleobsws receives no more: the connection has ended, or what came was not of the protocol."""
        self._end(_reason(self._client, receiving, opened=True))

    def _end(self, reason: Exception) -> None:
        if self._over:
            return
        self.abort()
        self._on_end(reason)

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = list(self._tasks.values())
        if self._client.recv_task is not None:
            tasks.append(self._client.recv_task)
        for task in tasks:
            task.cancel()
        return tasks


async def dial(
    pin: Pin,
    context: ssl.SSLContext | None,
    password: str,
    limit: int,
    on_event: OnEvent,
    on_end: OnEnd,
    deadline: float,
) -> ObsWire:
    """Connect to the pinned addresses in turn and be let in. `deadline` is by the loop's clock; the caller keeps it.

    Raises as `lasting.wire.dial` does.
    """
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("no address to connect to")
    for position, ip in enumerate(pin.order):
        share = (deadline - loop.time()) / (len(pin.order) - position)
        try:
            async with asyncio.timeout(max(share, MIN_ATTEMPT_S)):
                sock = await _connected(ip, pin.endpoint.port)
        except OSError as error:  # TimeoutError is one
            failure = error
            continue
        return await _let_in(pin, context, password, limit, sock, ip, on_event, on_end)
    raise failure


async def _connected(ip: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (ip, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _let_in(
    pin: Pin, context: ssl.SSLContext | None, password: str, limit: int, sock: socket.socket, ip: str,
    on_event: OnEvent, on_end: OnEnd,
) -> ObsWire:  # fmt: skip
    url = f"{'wss' if context is not None else 'ws'}://{pin.endpoint.authority}{pin.endpoint.prefix}/"
    client = _Client(url, password, sock, context, limit)
    try:
        await client.connect()
    except (websockets.InvalidHandshake, websockets.InvalidURI, websockets.ProtocolError, ValueError) as odd:
        sock.close()
        raise Malformed(f"no obs-websocket: {type(odd).__name__}") from None
    except _CARRIED:
        sock.close()
        raise Lost("it closed the connection") from None
    except BaseException:
        sock.close()
        raise
    receiving = client.recv_task
    assert receiving is not None
    identified = asyncio.ensure_future(client.wait_until_identified(timeout=None))
    identified.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        await asyncio.wait({identified, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            raise _reason(client, receiving, opened=False)
    except BaseException:
        receiving.cancel()
        client.ws.transport.abort()
        raise
    finally:
        identified.cancel()  # not awaited: cancelled there, we would leave a connection that nobody owns
    return ObsWire(client, ip, on_event, on_end, limit)


def _reason(client: _Client, receiving: asyncio.Task[None], *, opened: bool) -> Exception:
    """Why it receives no more."""
    if receiving.cancelled():
        return Lost("its connection was closed here")
    fault = receiving.exception()
    if fault is not None:
        return Malformed(f"{type(fault).__name__} in a message")
    if client.ws.unread:
        return Lost(UNREAD)
    ended = client.ended
    code, said = (ended.rcvd.code, ended.rcvd.reason) if ended is not None and ended.rcvd is not None else (None, "")
    if not opened and code in CLOSED_OUT:
        return Refused(f"{CLOSED_OUT[code]} ({code} {said})"[:300])
    if ended is not None and ended.sent is not None and ended.sent.code == TOO_BIG and not ended.rcvd_then_sent:
        return TooLarge()
    if code is None:
        return Lost("it closed the connection")
    return Ended(f"it closed the connection ({code} {said})"[:300])
