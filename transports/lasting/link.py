"""The supervised connection to one target: shared by all that speak to it, opened when needed, opened again when lost.

What is promised to callers, and so by every driver on top:

- IF_ERR_TARGET_UNREACHABLE and IF_ERR_TARGET_AUTH mean that nothing was sent. Once a request may have left, its loss is
  IF_ERR_TARGET_LOST, its silence IF_ERR_TARGET_TIMEOUT (the caller's deadline), an answer beyond the limit
  IF_ERR_ANSWER_TOO_LARGE, what is not of the protocol IF_ERR_ANSWER_INVALID. Nothing is sent twice.
- One opening is under way at a time, under a deadline of its own; who waits for it may be cancelled, it goes on.
- A peer that says nothing for a while is asked for a sign of life, and dropped where none comes.
- Messages are handed on as they come; nothing is queued here, so a flood fills no memory.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Health
from infrafabric.transports.lasting.faults import again, loss, opening_failure, unreachable
from infrafabric.transports.lasting.hearer import Hearer
from infrafabric.transports.lasting.session import Event, Reply
from infrafabric.transports.lasting.supervision import Supervision
from infrafabric.transports.lasting.wire import Dial, Lost, Wire

__all__ = ["Course", "Link"]

BEAT_S = 1.0
IDLE_S = 10.0
"""Silence after which the peer is asked for a sign of life."""
PROBE_S = 5.0
"""How long it may take to give one."""
ATTEMPT_S = 2.0
"""How long an opening may take that nobody waits for."""
FRESH_S = 1.0
"""Silence after which a write that must not be sent twice waits for a sign of life first."""


@dataclass(slots=True)
class Course:
    """How far a call has come."""

    limit_s: float = math.inf
    """How long it may take in all."""
    sent: bool = False
    """Whether a request may have left."""


class Link:
    """One connection that lasts.

    `name` is the target's, `where` its authority, `limit_s` the deadline of an opening, `answer_bytes` the size of a
    message at most.
    """

    def __init__(
        self, name: str, where: str, dial: Dial, backoff: tuple[float, ...], limit_s: float, answer_bytes: int
    ) -> None:
        self.limit_s = limit_s
        self.hearers: dict[str, Hearer] = {}
        self._name = name
        self._where = where
        self._dial = dial
        self._answer_bytes = answer_bytes
        self._loop = asyncio.get_running_loop()
        self._supervision = Supervision(backoff)
        self._wire: Wire | None = None
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._at_reply: dict[int, Callable[[Reply], None]] = {}
        self._turn = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._nudge = asyncio.Event()
        self._outcome: asyncio.Future[FabricError | None] = self._loop.create_future()
        self._refusal: FabricError | None = None
        self._needing = 0
        """How many wait for the connection."""
        self._attempt_s = limit_s
        self._detail = ""
        self._latency_ms: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._beat: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    # --- what is known
    @property
    def generation(self) -> int:
        """Which connection this is: 1 for the first, rising with each; what was subscribed holds for one of them."""
        return self._supervision.openings

    @property
    def used_at(self) -> float:
        return self._supervision.used_at

    def health(self) -> Health:
        """As last found; the detail is not redacted yet."""
        state = self._supervision.state
        known: dict[str, Any] = {"latency_ms": self._latency_ms, "reconnects": max(0, self.generation - 1)}
        if state in ("open", "resting"):
            return Health("up" if self.generation else "connecting", "", **known)
        if state == "refused":
            return Health("refused", self._detail, **known)
        if state == "opening" and not self._detail:
            return Health("connecting", "", **known)
        return Health("down", self._detail, **known)

    # --- what callers do
    async def ready(self) -> Wire:
        """The open connection, opened now where it must be. Raises IF_ERR_TARGET_UNREACHABLE, IF_ERR_TARGET_AUTH,
        IF_ERR_ADDRESS_*. Keeps no deadline but that of an opening."""
        now = self._loop.time()
        if self._wire is not None:
            self._supervision.touch(now)
            return self._wire
        if (held := self._supervision.held(now)) > 0 and self._refusal is not None:
            raise again(self._refusal, held)
        brief = self._supervision.state == "opening" and self._attempt_s < self.limit_s
        error = await self._opening()
        if error is not None and brief and error.code is Code.TARGET_UNREACHABLE:
            error = await self._opening()  # that one was given little time, since nobody waited for it then
        if error is not None:
            raise again(error)
        if self._wire is None:
            raise self._unreachable(self._detail)
        return self._wire

    async def _opening(self) -> FabricError | None:
        """The outcome of the opening under way, or of one that is begun now."""
        if self._supervision.state == "closed":
            return self._unreachable("it was changed meanwhile")
        self._supervision.ask(self._loop.time())
        self._stir()
        self._needing += 1
        try:
            return await asyncio.shield(self._outcome)
        finally:
            self._needing -= 1

    async def live(self, limit_s: float) -> None:
        """See that the peer is there now: open the connection, or ask an open one for a sign of life unless one was
        heard just now; where none comes in a third of `limit_s`, connect anew. Raises as `ready` does. Cancel it at the
        deadline."""
        wire = await self.ready()
        if self._loop.time() - wire.heard_at > FRESH_S and not (wire.one_at_a_time and self._turn.locked()):
            async with self._turn if wire.one_at_a_time else nullcontext():
                await self._proven(await self.ready(), min(PROBE_S, limit_s / 3))

    async def ask(
        self,
        request: Any,
        course: Course,
        *,
        limit: int | None = None,
        sure: bool = False,
        on_ticket: Callable[[int], None] | None = None,
        on_reply: Callable[[Reply], None] | None = None,
    ) -> Reply:
        """Ask and await the reply. `request` is as the wire takes it; `limit` the most bytes that the reply may have.

        With `sure` a connection that was silent is first asked for a sign of life: for writes that must not be sent
        twice. It is given a third of the call's time, so that there is some left for another one. `on_ticket` is told
        the ticket before anything can come in under it, `on_reply` the reply before anything that came after it is
        heard. No deadline is kept here: cancel it (`asyncio.timeout`), and look at `course.sent`.
        """
        async with self._turn if (await self.ready()).one_at_a_time else nullcontext():
            wire = await self.ready()  # waiting for the turn may have taken long
            if sure and self._loop.time() - wire.heard_at > FRESH_S:
                wire = await self._proven(wire, min(PROBE_S, course.limit_s / 3))
            try:
                await wire.writable()
                ticket = wire.ask(request)
            except Lost as lost:
                raise self._unreachable(str(lost)) from None
            course.sent = True
            if on_ticket is not None:
                on_ticket(ticket)
            reply = await self._reply(wire, ticket, on_reply)
        if limit is not None and reply.size > limit:
            raise FabricError(Code.ANSWER_TOO_LARGE, f"target {self._name} answered with more than {limit} bytes")
        return reply

    async def tell(self, request: Any) -> None:
        """Send what has no reply of its own. Raises as `ready` does."""
        async with self._turn if (await self.ready()).one_at_a_time else nullcontext():
            wire = await self.ready()
            try:
                await wire.writable()
                wire.ask(request)
            except Lost as lost:
                raise self._unreachable(str(lost)) from None

    async def close(self) -> None:
        """End the connection and all that waits for it."""
        self._supervision.close()
        if self._keeper is not None:
            self._keeper.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        wire, self._wire = self._wire, None
        gone = self._unreachable("it was changed meanwhile")
        self._fail_waiting(FabricError(Code.TARGET_LOST, f"target {self._name}: its connection was closed here"))
        self._settle(gone)
        for hearer in tuple(self.hearers.values()):
            hearer.lost(gone)
        if self._beat is not None:
            self._beat.cancel()
        if wire is not None:
            await wire.closed()
        tasks = [task for task in (self._keeper, *self._tasks) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def hold(self) -> None:
        """Keep the connection up, and open it again when it is lost, until `release`."""
        self._supervision.listeners += 1

    def release(self) -> None:
        self._supervision.listeners -= 1
        self._supervision.touch(self._loop.time())

    def allow(self, answer_bytes: int, limit_s: float) -> None:
        """Let messages be as large and openings take as long as that: the most that any of the link's users may."""
        self.limit_s = max(self.limit_s, limit_s)
        self._answer_bytes = max(self._answer_bytes, answer_bytes)
        if self._wire is not None:
            self._wire.limit = max(self._wire.limit, self._answer_bytes)

    def drop(self, why: str) -> None:
        """End the present connection, to open another: what it would give cannot be trusted any more."""
        wire = self._wire
        if wire is not None:
            wire.abort()
            self._ended(wire, Lost(why))

    # --- asking
    async def _reply(self, wire: Wire, ticket: int, on_reply: Callable[[Reply], None] | None = None) -> Reply:
        began = self._loop.time()
        waiter: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[ticket] = waiter
        if on_reply is not None:
            self._at_reply[ticket] = on_reply
        try:
            reply = await waiter
        except asyncio.CancelledError:
            if self._wire is wire and not wire.forget(ticket):
                self.drop("an answer was not awaited to its end")
            raise
        finally:
            if self._waiting.get(ticket) is waiter:
                del self._waiting[ticket]
                self._at_reply.pop(ticket, None)
        self._latency_ms = (self._loop.time() - began) * 1000
        return reply

    async def _proven(self, wire: Wire, within_s: float) -> Wire:
        """The wire, or another, whose other end just gave a sign of life."""
        try:
            if await self._alive(wire, within_s):
                return wire
        except FabricError:
            pass  # nothing of the request was sent: a new connection does as well
        if self._wire is wire:
            self.drop("it was silent, and cannot be asked whether it lives")
        return await self.ready()

    async def _alive(self, wire: Wire, within_s: float) -> bool:
        """Await a sign of life; False where the peer cannot be asked for one. Raises FabricError where none comes."""
        ticket = wire.probe()
        if ticket is None:
            return False
        try:
            async with asyncio.timeout(within_s):
                await self._reply(wire, ticket)
        except TimeoutError:
            if self._wire is wire:
                wire.abort()
                self._ended(wire, TimeoutError())
            raise self._unreachable("it gives no sign of life") from None
        return True

    async def _watch(self, wire: Wire) -> None:
        """See that a silent peer lives. While a request is under way, its own deadline does."""
        if wire.one_at_a_time and self._turn.locked():
            return
        with suppress(FabricError):  # the loss is told to all whom it concerns by `_ended`
            async with self._turn if wire.one_at_a_time else nullcontext():
                await self._alive(wire, PROBE_S)

    # --- keeping it up
    def _stir(self) -> None:
        self._nudge.set()
        if self._supervision.state != "closed" and (self._keeper is None or self._keeper.done()):
            self._keeper = self._loop.create_task(self._keep())

    async def _keep(self) -> None:
        while (wait := self._supervision.due(self._loop.time())) is not None:
            if wait == 0:
                await self._open()
                continue
            self._nudge.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._nudge.wait()
            except TimeoutError:
                continue

    async def _open(self) -> None:
        self._supervision.begin()
        began = self._loop.time()
        limit_s = self._attempt_s = self.limit_s if self._needing else min(ATTEMPT_S, self.limit_s)
        ended: list[Exception] = []
        opened: list[Wire] = []

        def on_end(reason: Exception) -> None:
            if opened:
                self._ended(opened[0], reason)
            else:
                ended.append(reason)

        try:
            async with asyncio.timeout(limit_s):
                wire = await self._dial(self._event, on_end, began + limit_s)
            if ended:
                raise ended[0]
        except Exception as raised:
            failure, error = opening_failure(self._name, self._where, raised, limit_s)
        else:
            opened.append(wire)
            self._is_open(wire, began)
            return
        self._detail = error.message
        self._refusal = error if failure == "refused" else None
        self._supervision.failed(self._loop.time(), failure)
        if failure == "refused":
            for hearer in tuple(self.hearers.values()):
                hearer.lost(error)
        self._settle(error)

    def _is_open(self, wire: Wire, began: float) -> None:
        now = self._loop.time()
        wire.limit = max(wire.limit, self._answer_bytes)
        self._wire = wire
        self._detail = ""
        self._latency_ms = (now - began) * 1000
        self._refusal = None
        self._supervision.opened(now)
        self._settle(None)
        for hearer in tuple(self.hearers.values()):
            if hearer.holding:
                self._background(self._resume(hearer))
        if self._beat is not None:
            self._beat.cancel()
        self._beat = self._loop.call_later(BEAT_S, self._check)

    async def _resume(self, hearer: Hearer) -> None:
        try:
            async with asyncio.timeout(self.limit_s):
                await hearer.opened()
        except (FabricError, TimeoutError) as error:
            refusal = error if isinstance(error, FabricError) else self._unreachable("it does not let us listen")
            if self._wire is not None:  # else the next connection tries anew
                hearer.lost(refusal)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _settle(self, error: FabricError | None) -> None:
        outcome, self._outcome = self._outcome, self._loop.create_future()
        if not outcome.done():
            outcome.set_result(error)

    def _check(self) -> None:
        """Every second of an open connection."""
        wire, now = self._wire, self._loop.time()
        if wire is None:
            return
        self._beat = self._loop.call_later(BEAT_S, self._check)
        if self._supervision.useless(now):
            self._supervision.rest()
            self._wire = None
            self._beat.cancel()
            self._background(wire.closed())
            for hearer in tuple(self.hearers.values()):
                hearer.lost(None)
            return
        if now - wire.heard_at > IDLE_S and (self._watching is None or self._watching.done()):
            self._watching = self._background(self._watch(wire))

    # --- what comes
    def _event(self, event: Event) -> None:
        if isinstance(event, Reply):
            waiter = self._waiting.get(event.ticket)
            if waiter is not None and not waiter.done():
                waiter.set_result(event)
                if (at_reply := self._at_reply.pop(event.ticket, None)) is not None:
                    at_reply(event)
            return
        for hearer in tuple(self.hearers.values()):
            hearer.hear(event)

    def _ended(self, wire: Wire, reason: Exception) -> None:
        if self._wire is not wire:
            return
        self._wire = None
        if self._beat is not None:
            self._beat.cancel()
        self._supervision.lost(self._loop.time())
        self._fail_waiting(error := loss(self._name, reason, self._answer_bytes))
        self._detail = error.message
        for hearer in tuple(self.hearers.values()):
            hearer.lost(None)
        self._stir()

    def _fail_waiting(self, error: FabricError) -> None:
        waiting, self._waiting = self._waiting, {}
        self._at_reply.clear()
        for waiter in waiting.values():
            if not waiter.done():
                waiter.set_exception(again(error))

    def _unreachable(self, why: str) -> FabricError:
        return unreachable(self._name, self._where, why)
