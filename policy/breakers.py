"""Breakers: calls to a target that keeps failing are cut off for a while.

One breaker a capability and target. It opens when so many calls in a row failed, answers every call with
IF_ERR_BREAKER_OPEN while it is open, and then lets exactly one through: that one's end closes it or opens it again.

| counts as a failure | does not |
|---|---|
| not reached, no answer in time, connection lost | a conclusive no (http 4xx), rights or secrets that are refused |
| an answer that its protocol does not know | an answer that is too large, a redirect |
| a no that leaves open what happened (http 5xx) | what the kernel refuses before it calls: addresses, settings |

What is cancelled says nothing of the target and counts as neither. Nor does a look at what settles that fails like the
one before it: however long one action waits for a target to come back, it counts once. pybreaker counts and knows the
states; this module brings the clock that is never set, the single probe, and the record.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import anyio
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitBreaker, CircuitMemoryStorage

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry, Facts, Failing
from infrafabric.kernel.words.entries import BreakerChanged, Kind
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.things import Target

__all__ = ["FAILURES", "BreakerLimits", "TargetBreakers"]

FAILURES = frozenset(
    {
        Code.TARGET_UNREACHABLE,
        Code.TARGET_TIMEOUT,
        Code.TARGET_LOST,
        Code.TARGET_STATUS,
        Code.ANSWER_INVALID,
    }
)
"""Codes of a target that does not work. TARGET_STATUS is raised by nobody: it stands for a no without a conclusion."""

Record = Callable[[Entry], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    failures: int = 5
    """Calls in a row that have to fail."""
    open_s: float = 30.0
    """Seconds until one call may try again."""


class TargetBreakers:
    """Implements the kernel's port `Breakers`, for one event loop.

    The facts table `breaker` says what a former kernel left open, `record` takes an entry for each change of state. A
    record that fails does not fail the call, which is over: the entry is made up for at the next one. (A log that takes
    no entries takes no intentions either, so that nothing is written meanwhile.)
    """

    def __init__(
        self,
        facts: Facts,
        record: Record,
        limits: BreakerLimits | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`monotonic` is in seconds and never set: how long a breaker is open goes by it. `now` dates the entries."""
        self._facts = facts
        self._record = record
        self._limits = limits or BreakerLimits()
        self._monotonic = monotonic
        self._now = now
        self._breakers: dict[tuple[str, str], _Breaker] = {}

    @asynccontextmanager
    async def calling(
        self, capability: str, target: Target, trace: str, *, known: bool = False
    ) -> AsyncIterator[Failing]:
        """Around one driver call. A call that answered and yet failed says so by the function that is given."""
        breaker = self._breaker(capability, target.name)
        turn = breaker.enter()
        told: list[Code] = []
        ended: Code | None = None
        answered = False
        try:
            await self._note(breaker, target, trace)
            yield told.append
            answered = True
        except FabricError as error:
            answered, ended = error.code in _ANSWERED, error.code
            raise
        finally:
            failed = next((code for code in (ended, *told) if code in FAILURES), None)
            if known and failed is not None and breaker.state == "closed":
                failed, answered = None, False
            breaker.leave(turn, failed, answered=answered)
            if answered or failed is not None:
                await self._note(breaker, target, trace)

    def forget(self, target: str) -> None:
        """An operator changed the target, or closed its breakers: what the facts say of them holds from now on."""
        for key in [key for key in self._breakers if key[1] == target]:
            del self._breakers[key]

    def _breaker(self, capability: str, target: str) -> _Breaker:
        key = (capability, target)
        breaker = self._breakers.get(key)
        if breaker is None:
            fact = self._facts.get("breaker", f"{capability} {target}")
            breaker = _Breaker(capability, target, self._limits, self._monotonic)
            if fact is not None:
                breaker.restore(fact["state"], self._left(fact), int(fact["failures"]), str(fact["cause"]))
            self._breakers[key] = breaker
        return breaker

    def _left(self, fact: Mapping[str, Any]) -> float:
        """Seconds for which a breaker that a former kernel opened stays open. However the clock was set since, it is
        not more than a breaker is open for."""
        if fact["state"] != "open" or not fact["until"]:
            return 0.0
        left = (datetime.fromisoformat(fact["until"]) - self._now()).total_seconds()
        return min(max(left, 0.0), self._limits.open_s)

    async def _note(self, breaker: _Breaker, target: Target, trace: str) -> None:
        """Record the breaker's state where it is not what was recorded last."""
        if breaker.state == breaker.recorded:
            return
        async with breaker.recording:
            state = breaker.state
            if state == breaker.recorded:
                return
            until = self._now() + timedelta(seconds=breaker.left) if state == "open" else None
            body = BreakerChanged(
                tenant=target.tenant,
                target=target.name,
                trace=trace,
                capability=breaker.capability,
                state=state,
                failures=breaker.failures,
                cause=breaker.cause,
                until=f"{until:%Y-%m-%dT%H:%M:%SZ}" if until is not None else "",
            )
            try:
                await self._record(Entry(Kind.BREAKER_CHANGED, body))
            except FabricError:
                return  # still unlike what is recorded: the next call makes up for it
            breaker.recorded = state


_ANSWERED = frozenset({Code.TARGET_AUTH, Code.ANSWER_TOO_LARGE, Code.REDIRECT_REFUSED})
"""Codes of a target that works, and did not give what was asked for. All others say nothing of the target."""

State = Literal["open", "half_open", "closed"]
_STATES: dict[str, State] = {STATE_OPEN: "open", STATE_HALF_OPEN: "half_open", STATE_CLOSED: "closed"}


class _Since(CircuitMemoryStorage):
    """pybreaker's storage, told the time of opening by a clock that is never set."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__(STATE_CLOSED)
        self._monotonic = monotonic
        self.since = 0.0
        """When it opened, by that clock."""

    @property
    def opened_at(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=self._monotonic() - self.since)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        self.since = self._monotonic()


class _Breaker:
    """One breaker. `enter` before a call, `leave` after it; neither waits for anything."""

    def __init__(self, capability: str, target: str, limits: BreakerLimits, monotonic: Callable[[], float]) -> None:
        self.capability = capability
        self.target = target
        self.failures = 0
        """Calls in a row that failed."""
        self.cause = ""
        """Code of the last failure."""
        self.recorded: State = "closed"
        self.recording = anyio.Lock()
        self._open_s = limits.open_s
        self._monotonic = monotonic
        self._storage = _Since(monotonic)
        self._circuit = CircuitBreaker(
            fail_max=limits.failures,
            reset_timeout=limits.open_s,
            state_storage=self._storage,
            throw_new_error_on_trip=False,
        )
        self._changes = 0
        """Changes of state so far: what a call that began before the last one says is old news."""
        self._probing = False

    def restore(self, state: State, left: float, failures: int, cause: str) -> None:
        """Be as recorded: cut off for `left` more seconds."""
        self._circuit.open()
        self._storage.since = self._monotonic() - (self._open_s - left)
        self.recorded, self.failures, self.cause = state, failures, cause

    @property
    def state(self) -> State:
        return _STATES[self._circuit.current_state]

    @property
    def left(self) -> float:
        """Seconds until a call may try again."""
        left = self._open_s - (self._monotonic() - self._storage.since)
        return left if left > _ROUNDING else 0.0

    def enter(self) -> int:
        """Let a call through; what it shows to `leave`. Raises IF_ERR_BREAKER_OPEN."""
        if self.state == "closed":
            return self._changes
        if self.state == "open" and self.left > 0:
            raise self._refusal(f"for {self.left:.0f} more seconds", self.left)
        if self._probing:
            raise self._refusal("until the one call that tries again has ended", 1.0)
        self._probing = True
        if self.state == "open":
            self._circuit.half_open()
            self._changes += 1
        return self._changes

    def leave(self, turn: int, failed: Code | None, *, answered: bool) -> None:
        """Count how a call ended. One that neither failed nor was answered says nothing: the next may try."""
        if turn != self._changes:
            return
        self._probing = False
        if failed is None and not answered:
            return
        before = self.state
        try:
            self._circuit.call(_end, failed)
        except _CallFailed:
            self.failures, self.cause = self.failures + 1, str(failed)
        else:
            self.failures, self.cause = 0, ""
        if self.state != before:
            self._changes += 1

    def _refusal(self, how_long: str, retry_after: float) -> FabricError:
        said = f"{short_name(self.capability)} on {self.target} is cut off {how_long}"
        if self.failures:
            said += f": {self.failures} calls in a row failed, the last with {self.cause}"
        return FabricError(Code.BREAKER_OPEN, said, retry_after=math.ceil(retry_after * 1000) / 1000)


_ROUNDING = 1e-6
"""Else who waits exactly as long as told could be told to wait once more."""


class _CallFailed(Exception):
    """What pybreaker is told a failure by."""


def _end(failed: Code | None) -> None:
    if failed is not None:
        raise _CallFailed
