"""The frame: one pure ASGI middleware around the whole application.

In: Host, header and body limits, trace. Out: security headers, rate limits, `traceparent`; HEAD as GET without its
body; every fault of InfraFabric's own as IF_ERR_INTERNAL, its traceback kept in the home.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infrafabric.control.api.frame.headers import check_answer, check_request, completed
from infrafabric.control.api.frame.hosts import Hosts
from infrafabric.control.api.frame.passing import Passing, passing_of
from infrafabric.control.api.problems import refusal
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Frame"]

Keep = Callable[[BaseException, str], FabricError]
"""(what was raised, trace) → IF_ERR_INTERNAL; the traceback is kept."""


class Frame:
    """`app` inside the frame."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: Hosts,
        *,
        header_bytes: int,
        body_bytes: int,
        larger: Mapping[tuple[str, str], int],
        keep: Keep,
        redact: Callable[[str], str],
    ) -> None:
        """`larger` holds the body limits of (method, path)s that take more."""
        self.app = app
        self._hosts = hosts
        self._header_bytes = header_bytes
        self._body_bytes = body_bytes
        self._larger = larger
        self._keep = keep
        self._redact = redact

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        passing = passing_of(scope)
        passage = _Passage(passing, receive, send, scope["type"] == "http" and scope["method"] == "HEAD")
        try:
            host, parent, length = check_request(scope, self._header_bytes)
            if parent:
                passing.follow(parent)
            self._hosts.check(host)
            if scope["type"] == "websocket":
                await self.app(scope, receive, send)
                return
            passage.limit = self._larger.get((scope["method"], scope["path"]), self._body_bytes)
            if length > passage.limit:
                passing.over = passage.limit
                raise _too_large(passage.limit)
            if passage.head:
                scope = {**scope, "method": "GET"}
            await self.app(scope, passage.receive, passage.send)
        except ClientDisconnect:
            return  # nobody is there to be told
        except FabricError as error:
            await self._refuse(scope, receive, passage, error)
        except Exception as error:
            # Starlette raises on what it has answered already, so that servers can log it; here it is kept instead.
            if not passage.kept and not passage.cut:
                fault = self._keep(error, passing.trace)
                if not passage.started:
                    await self._refuse(scope, receive, passage, fault)
                else:
                    raise FabricError(Code.INTERNAL, fault.message) from None

    async def _refuse(self, scope: Scope, receive: Receive, passage: _Passage, error: FabricError) -> None:
        if scope["type"] == "websocket":
            await passage.raw({"type": "websocket.close", "code": 1008, "reason": error.code.value})
            return
        answer = refusal(error, scope["path"], passage.passing.trace, self._redact)
        await answer(scope, receive, passage.send)


class _Passage:
    """One HTTP request on its way through: counts what comes in, completes what goes out."""

    __slots__ = ("_receive", "cut", "ended", "head", "kept", "limit", "passing", "raw", "seen", "started")

    def __init__(self, passing: Passing, receive: Receive, send: Send, head: bool) -> None:
        self.passing = passing
        self.raw = send
        self.head = head
        self.limit = 0
        self.seen = 0
        self.started = False
        self.ended = False
        self.cut = False
        """Whether a stream was ended early, because only its headers were asked for."""
        self.kept = False
        """Whether a fault was kept and answered by a handler inside."""
        self._receive = receive

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.seen += len(message.get("body", b""))
            if self.seen > self.limit:
                self.passing.over = self.limit
                raise _too_large(self.limit)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            check_answer(headers)
            self.started = True
            self.kept = message["status"] == 500
            found = completed(headers, self.passing)
            if self.passing.over:
                found.append((b"connection", b"close"))  # the rest of the body is not read
            message = {**message, "headers": found}
        elif self.head and message["type"] == "http.response.body":
            if self.ended:
                self.cut = True
                raise OSError("only the headers were asked for")
            self.ended = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self.raw(message)


def _too_large(limit: int) -> FabricError:
    return FabricError(Code.TOO_LARGE, f"the body has more than the {limit} bytes that are taken there")
