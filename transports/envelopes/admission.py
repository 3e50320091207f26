"""By which rules a message is admitted. Pure: no clock, no log, no randomness; the caller brings them.

What is known of a sender is its last number (`seq`) and the nonces that must not come again. `Sender.judge` says what
becomes of a message, and changes nothing; `take` and `give_back` change what is known. In this order:

1. the sender's key: the one that is enrolled now, and no former one (IF_ERR_MESSAGE_KEY);
2. the signature (IF_ERR_MESSAGE_SIGNATURE);
3. the time: `ttl_s` no longer than is taken (IF_ERR_MESSAGE_INVALID), not over (IF_ERR_MESSAGE_EXPIRED), not begun
   later than now (IF_ERR_MESSAGE_EARLY), clocks being allowed to differ by `skew_s`;
4. the nonce was not seen (IF_ERR_MESSAGE_REPLAYED);
5. `seq` is above the last (IF_ERR_MESSAGE_SEQUENCE); numbers that are left out are told, and refused from then on;
6. there is room to remember the nonce (IF_ERR_BUSY until the oldest is over).

A nonce is remembered until its message is expired by any clock that is allowed. So a copy is refused at any time: by 4
while it might still pass 3, by 5 always.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.envelopes.opening import Opened

__all__ = ["Known", "Rules", "Sender", "Step", "check_key", "check_time"]

DROPPED_AT_ONCE = 4
"""Nonces forgotten with one message: more than come with it, so that the store shrinks, and work stays bounded."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken. The settings `[messages]` say how much."""

    skew_s: float = 30.0
    longest_ttl_s: int = 86_400
    nonces: int = 100_000
    """Remembered of one sender."""


@dataclass(frozen=True, slots=True)
class Known:
    """A nonce of a sender's message, until when it must not come again."""

    seq: int
    nonce: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """That a message is admitted: what is known of its sender afterwards, beside what was."""

    last: int
    """The number before, 0 where there was none."""
    known: Known
    dropped: tuple[Known, ...]
    """Nonces whose time is over: forgotten with this message, the oldest first."""

    @property
    def gap(self) -> int:
        """Numbers that are left out between the sender's last message and this one."""
        return self.known.seq - self.last - 1 if self.last else 0


@dataclass(slots=True)
class Sender:
    """What is known of one sender."""

    last: int = 0
    _nonces: dict[str, int] = field(default_factory=dict)
    """Sequence number by nonce."""
    _ends: list[tuple[datetime, int, str]] = field(default_factory=list)
    """A heap: what ends first is first."""

    @classmethod
    def of(cls, last: int, known: Iterable[Known]) -> Sender:
        """A sender as a log remembers it."""
        made = cls(last)
        for one in known:
            made._remember(one)
        return made

    @property
    def remembered(self) -> int:
        """How many nonces must not come again."""
        return len(self._nonces)

    def judge(self, opened: Opened, now: datetime, rules: Rules) -> Step:
        """What admitting the message would do. Steps 3 to 6 of the module; raises their refusals."""
        envelope = opened.envelope
        until = check_time(opened, now, rules)
        seen = self._nonces.get(envelope.nonce)
        if seen is not None:
            raise FabricError(
                Code.MESSAGE_REPLAYED, f"the nonce of {envelope.id} came with message {seen} of {envelope.sender}"
            )
        if envelope.seq <= self.last:
            raise FabricError(
                Code.MESSAGE_SEQUENCE, f"seq {envelope.seq} of {envelope.sender} does not come after {self.last}"
            )
        dropped = self._over(now)
        if len(self._nonces) - len(dropped) >= rules.nonces:
            wait = max(0.0, (self._ends[0][0] - now).total_seconds())
            message = f"{rules.nonces} nonces of {envelope.sender} are remembered already"
            raise FabricError(Code.BUSY, message, retry_after=wait)
        return Step(self.last, Known(envelope.seq, envelope.nonce, until), dropped)

    def take(self, step: Step) -> None:
        """The message of `step` is admitted."""
        assert step.last == self.last, "steps are taken in the order in which they were judged"
        for one in step.dropped:
            self._forget(one)
        self._remember(step.known)
        self.last = step.known.seq

    def give_back(self, step: Step) -> None:
        """The message of `step`, the last that was taken, was not admitted after all."""
        assert step.known.seq == self.last, "steps are given back in the reverse order"
        self._forget(step.known)
        for one in step.dropped:
            self._remember(one)
        self.last = step.last

    def _over(self, now: datetime) -> tuple[Known, ...]:
        """The first few nonces whose time is over."""
        if not self._ends or self._ends[0][0] > now:
            return ()
        found = [one for one in heapq.nsmallest(DROPPED_AT_ONCE, self._first()) if one[0] <= now]
        return tuple(Known(seq, nonce, until) for until, seq, nonce in found)

    def _first(self) -> list[tuple[datetime, int, str]]:
        """Those of the heap among which its smallest are: the n smallest of a heap lie in its first n levels."""
        return self._ends[: (1 << DROPPED_AT_ONCE) - 1]

    def _remember(self, one: Known) -> None:
        self._nonces[one.nonce] = one.seq
        heapq.heappush(self._ends, (one.until, one.seq, one.nonce))

    def _forget(self, one: Known) -> None:
        del self._nonces[one.nonce]
        row = (one.until, one.seq, one.nonce)
        if self._ends[0] == row:
            heapq.heappop(self._ends)
            return
        self._ends.remove(row)
        heapq.heapify(self._ends)


def check_key(opened: Opened, enrolled: str | None) -> None:
    """Step 1. Raises IF_ERR_MESSAGE_SENDER_UNKNOWN where no key is enrolled, IF_ERR_MESSAGE_KEY."""
    envelope = opened.envelope
    if not enrolled:
        raise FabricError(Code.MESSAGE_SENDER_UNKNOWN, f"no key is enrolled for {envelope.sender}")
    if envelope.signature.pubkey != enrolled:
        raise FabricError(
            Code.MESSAGE_KEY, f"{envelope.signature.pubkey} is not the key that is enrolled for {envelope.sender}"
        )


def check_time(opened: Opened, now: datetime, rules: Rules) -> datetime:
    """Step 3: from when on the message is expired by every clock. Raises what is said there."""
    envelope = opened.envelope
    if envelope.ttl_s > rules.longest_ttl_s:
        raise FabricError(Code.MESSAGE_INVALID, f"ttl_s: {envelope.ttl_s} where at most {rules.longest_ttl_s} is taken")
    skew = timedelta(seconds=rules.skew_s)
    issued = envelope.issued
    try:
        until = issued + timedelta(seconds=envelope.ttl_s) + skew
    except OverflowError:
        raise FabricError(Code.MESSAGE_INVALID, f"issued_at: {envelope.issued_at} is beyond the calendar") from None
    ahead = (issued - now).total_seconds()
    if ahead > rules.skew_s:
        message = f"{envelope.id} was issued {ahead:.1f} s ahead of this clock; {rules.skew_s:g} s are allowed"
        raise FabricError(Code.MESSAGE_EARLY, message, retry_after=ahead - rules.skew_s)
    if until <= now:
        late = (now - until).total_seconds() + rules.skew_s
        raise FabricError(Code.MESSAGE_EXPIRED, f"{envelope.id} was over {late:.1f} s ago")
    return until
