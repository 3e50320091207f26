"""Admitting messages into the log, and taking requests along the road.

One batch is judged and appended at a time, all of it in one transaction; what arrives meanwhile is the next. So what a
message is judged by is what is durable, two messages of one sender can never both have the same number, and an answer
is given only for what is in the log. A transaction that fails takes back what its messages changed here.

What is refused is recorded where it comes in the name of a talent that is here, up to `REFUSALS_RPS`; beyond that, and
for senders that nobody knows, it is counted by source, so that nobody can fill the log with what is not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Protocol

from infrafabric.control.api.frame.rates import Rates
from infrafabric.control.messages.answers import Answer
from infrafabric.control.messages.bodies import admitted_entry, refused_entry, trace_of
from infrafabric.control.messages.frames import Frame
from infrafabric.control.messages.routing import Routed, route_claim
from infrafabric.control.messages.senders import Senders
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.claims import contradicted
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry, Facts
from infrafabric.kernel.stations import OnStation
from infrafabric.kernel.words.things import Talent
from infrafabric.policy.buckets import TokenBucket
from infrafabric.transports.envelopes.admission import Rules, Sender, Step, check_key
from infrafabric.transports.envelopes.opening import Opened
from infrafabric.witness.writer import Proven

__all__ = ["REFUSALS_RPS", "Limits", "Log", "Messages", "Passed"]

MOST_AT_ONCE = 256
"""Messages of one transaction: a larger one would only make its first ones wait."""
BYTES_AT_ONCE = 256 << 10
"""Bytes of their envelopes, beyond which no further one is added: the log takes at least 1 MiB at once."""
OFF_LOOP = 8
"""Signatures from which on a thread is worth its start."""
REFUSALS_RPS, REFUSALS_BURST = 5, 100
"""Refusals that are recorded: enough to see what goes on."""

Passed = Callable[[str], None]
"""Hears what a message has passed: `sender`, `signature`, `admitted`, `recorded`."""


class Log(Protocol):
    """As much of the log as admitting takes."""

    @property
    def origin(self) -> str: ...

    @property
    def facts(self) -> Facts: ...

    async def append_proven(self, *entries: Entry) -> Sequence[Proven]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken of a sender."""

    rules: Rules = Rules()
    rps: float = 200
    burst: int = 1_000
    since: datetime | None = None
    """When the log went on under its present origin after a rollback: which messages were admitted before is not known
    for certain, so none from before is taken."""


@dataclass(slots=True, eq=False)
class _Waiting:
    frame: Frame
    source: str
    passed: Passed | None
    future: asyncio.Future[Answer]
    talent: Talent | None = None
    """The sender, where there is one of that name."""
    error: FabricError | None = None
    """Why it is refused, as far as that is known."""

    @property
    def opened(self) -> Opened:
        return self.frame.opened

    def passes(self, what: str) -> None:
        if self.passed is not None:
            self.passed(what)

    def refuse(self, error: FabricError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(slots=True)
class _Judged:
    """A message with what is to be recorded of it."""

    waiting: _Waiting
    entry: Entry
    sender: Sender | None = None
    step: Step | None = None
    routed: Routed | None = None
    refusal: FabricError | None = None


class Messages:
    """One a house. `act` takes an ask along the road; `count` counts a refusal of a source; `holds_secret` says whether
    a text holds the value of a secret of a tenant."""

    def __init__(
        self,
        log: Log,
        authority: Authority,
        *,
        now: Callable[[], datetime],
        act: Callable[[Ask, OnStation | None], Awaitable[Report]],
        count: Callable[[Code, str], None],
        holds_secret: Callable[[str, str], bool] = lambda text, tenant: False,
        limits: Limits | None = None,
        development: bool = False,
    ) -> None:
        self._log, self._authority = log, authority
        self._now, self._act, self._count, self._holds_secret = now, act, count, holds_secret
        self._limits = limits or Limits()
        self._development = development
        self._senders = Senders(log.facts)
        self._rates = Rates("sender", self._limits.rps, self._limits.burst)
        self._recorded = TokenBucket(REFUSALS_RPS, REFUSALS_BURST, monotonic())
        self._queue: list[_Waiting] = []
        self._working: asyncio.Task[None] | None = None

    async def send(
        self, frame: Frame, source: str, *, passed: Passed | None = None, watcher: OnStation | None = None
    ) -> Answer:
        """Admit a message; a request is then done as its sender, under the message's id as idempotency key.

        Returns when the message is durable, and a request's action has ended or waits for people. Raises
        IF_ERR_MESSAGE_*, IF_ERR_TALENT_REVOKED, IF_ERR_RATE_LIMITED, IF_ERR_BUSY, IF_ERR_ARGUMENT_SECRET, IF_ERR_LOG_*:
        the message was not admitted then. `watcher` hears the stations of a request's action.
        """
        answer = await self._admitted(frame, source, passed)
        wanted = frame.opened.envelope.content.intent
        if wanted is None:
            return answer
        try:
            return replace(answer, report=await self._act(_ask(frame), watcher))
        except FabricError as error:
            return replace(answer, error=error)

    async def _admitted(self, frame: Frame, source: str, passed: Passed | None) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(frame, source, passed, future))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        """Admit what waits, batch by batch, until nothing does."""
        batch: list[_Waiting] = []
        try:
            while self._queue:
                count = _fitting(self._queue)
                batch, self._queue = self._queue[:count], self._queue[count:]
                await self._admit(batch)
        except BaseException as error:
            fault = FabricError(Code.INTERNAL, f"admitting messages failed: {type(error).__name__}")
            fault.__cause__ = error
            for waiting in (*batch, *self._queue):
                waiting.refuse(fault)
            self._queue.clear()
            if not isinstance(error, Exception):
                raise
        finally:
            self._working = None

    async def _admit(self, batch: Sequence[_Waiting]) -> None:
        for waiting in batch:
            self._meet(waiting)
        await _verify([waiting for waiting in batch if waiting.error is None])
        now = self._now()
        judged = [found for waiting in batch if (found := self._judge(waiting, now)) is not None]
        if not judged:
            return
        try:
            proven = await self._log.append_proven(*(one.entry for one in judged))
        except BaseException as error:
            for one in reversed(judged):
                if one.sender is not None and one.step is not None:
                    one.sender.give_back(one.step)
            if not isinstance(error, FabricError):
                raise
            for one in judged:
                one.waiting.refuse(one.refusal or error)
            return
        for one, where in zip(judged, proven, strict=True):
            self._answer(one, where)

    def _answer(self, one: _Judged, where: Proven) -> None:
        if one.refusal is not None:
            one.waiting.refuse(one.refusal)
            return
        assert one.step is not None and one.routed is not None
        one.waiting.passes("recorded")
        if not one.waiting.future.done():  # its caller was cancelled; the message stays admitted
            answer = Answer(one.waiting.opened, one.step, one.routed, where, self._log.origin, self._development)
            one.waiting.future.set_result(answer)

    # --- one message

    def _meet(self, waiting: _Waiting) -> None:
        """Find the sender, and see that the envelope names its key."""
        try:
            waiting.talent = self._talent(waiting.opened.envelope.sender)
            check_key(waiting.opened, waiting.talent.key)
            waiting.passes("sender")
        except FabricError as error:
            waiting.error = error

    def _judge(self, waiting: _Waiting, now: datetime) -> _Judged | None:
        """What is to be recorded of a message; None where it is refused and counted. Takes its step."""
        opened, talent = waiting.opened, waiting.talent
        if waiting.error is not None or talent is None:
            assert waiting.error is not None
            return self._refused(waiting, waiting.error, signed=False)
        try:
            # Again: while signatures were verified, the key may have been replaced or the talent revoked.
            talent = waiting.talent = self._talent(opened.envelope.sender)
            check_key(opened, talent.key)
        except FabricError as error:
            return self._refused(waiting, error, signed=False)
        waiting.passes("signature")
        try:
            self._rates.spend(talent.id)
            self._check_content(opened, talent.tenant, now)
            sender = self._senders.of(talent.id)
            step = sender.judge(opened, now, self._limits.rules)
        except FabricError as error:
            return self._refused(waiting, error, signed=True)
        claim = opened.envelope.claim
        conflict = contradicted(self._log.facts, claim, talent.id, talent.tenant, now)
        routed = route_claim(claim, waiting.frame.evidence, contradicted=conflict)
        sender.take(step)
        waiting.passes("admitted")
        entry = admitted_entry(opened, talent, step, routed, claim, waiting.frame.evidence, contradicted=conflict)
        return _Judged(waiting, entry, sender, step, routed)

    def _talent(self, name: str) -> Talent:
        try:
            return self._authority.talent(name)
        except FabricError as error:
            if error.code is not Code.TALENT_UNKNOWN:
                raise
            raise FabricError(Code.MESSAGE_SENDER_UNKNOWN, f"there is no talent {name}") from None

    def _check_content(self, opened: Opened, tenant: str, now: datetime) -> None:
        """A message may have been admitted before `since` by a clock that was ahead, so the allowed skew counts."""
        since = self._limits.since
        if since is not None and opened.envelope.issued < since + timedelta(seconds=self._limits.rules.skew_s):
            message = f"{opened.envelope.id} may be from before the log went on under another origin"
            raise FabricError(Code.MESSAGE_EXPIRED, message)
        if self._holds_secret(opened.text, tenant):
            raise FabricError(Code.ARGUMENT_SECRET, f"the message {opened.envelope.id} holds a secret's value")

    def _refused(self, waiting: _Waiting, error: FabricError, *, signed: bool) -> _Judged | None:
        """Record the refusal where the talent is here and there is room for it; else count it, and tell the caller."""
        talent = waiting.talent
        if talent is None or error.code in _COUNTED or self._recorded.take(monotonic()):
            self._count(error.code, waiting.source)
            waiting.refuse(error)
            return None
        entry = refused_entry(waiting.opened, talent, error, waiting.source, signed=signed)
        return _Judged(waiting, entry, refusal=error)


_COUNTED = frozenset({Code.MESSAGE_SENDER_UNKNOWN, Code.RATE_LIMITED, Code.BUSY, Code.ARGUMENT_SECRET})
"""Refusals that are no single message's matter, or of which nothing may be kept."""


def _fitting(queue: Sequence[_Waiting]) -> int:
    """How many of the first go into one transaction: one at least."""
    size = 0
    for count, waiting in enumerate(queue[:MOST_AT_ONCE]):
        size += len(waiting.opened.text)
        if size > BYTES_AT_ONCE and count:
            return count
    return min(len(queue), MOST_AT_ONCE)


async def _verify(batch: Sequence[_Waiting]) -> None:
    """Verify the signatures. Many are verified beside the loop: the library lets go of the interpreter meanwhile."""
    opened = [waiting.opened for waiting in batch]
    if len(batch) < OFF_LOOP:
        good = [one.is_signed() for one in opened]
    else:
        good = await asyncio.to_thread(lambda: [one.is_signed() for one in opened])
    for waiting, holds in zip(batch, good, strict=True):
        if not holds:
            envelope = waiting.opened.envelope
            message = f"the signature of {envelope.id} is not {envelope.sender}'s on these bytes"
            waiting.error = FabricError(Code.MESSAGE_SIGNATURE, message)


def _ask(frame: Frame) -> Ask:
    """What a request asks for, as its sender, resting on what it claims."""
    envelope = frame.opened.envelope
    wanted = envelope.content.intent
    assert wanted is not None
    more: dict[str, Any] = {"target": wanted.target} if wanted.target is not None else {}
    return Ask(
        capability=wanted.capability,
        talent=envelope.sender,
        intent=wanted.intent,
        why=wanted.why,
        purpose=wanted.purpose,
        idempotency_key=envelope.id,
        trace=trace_of(frame.opened),
        claim=envelope.claim,
        evidence=frame.evidence,
        **more,
    )
