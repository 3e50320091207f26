"""The governor: how often something may be asked for, and who acts on a target at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Capability
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.things import Rate, Talent, Target
from infrafabric.policy.buckets import TokenBucket
from infrafabric.policy.turns import Turns

__all__ = ["GovernorLimits", "Past", "RateGovernor"]

LOOKS_BACK = 4
"""How many times as long as it takes to fill an empty bucket. Whoever starts a process for each ask gains a quarter of
the rate by it at most, and not a full bucket each time."""
LONGEST_S = 30 * 86_400.0
"""Further back nothing is looked for."""


@dataclass(frozen=True, slots=True)
class GovernorLimits:
    """The governor's own limits; `[governor]` in `infrafabric.toml` can change them."""

    waiting: int = 1_000
    """Actions that may wait for a turn at one target."""
    waiting_each: int = 200
    """Of them, actions of one talent: five talents have to conspire to fill the queue."""
    talent: Rate = Rate(rps=100, burst=1_000)
    """Of a talent that has no rate of its own."""
    target: Rate = Rate(rps=100, burst=1_000)
    """Of a target that has no rate of its own."""


@dataclass(frozen=True, slots=True)
class Past:
    """An ask that another process admitted, perhaps."""

    ago_s: float
    talent: str
    capability: str = ""
    """Empty where it was turned away: only its talent is charged."""
    target: str = ""


def _no_past(_: float) -> Sequence[Past]:
    return ()


class RateGovernor:
    """Implements the kernel's port `Governor` with token buckets and a queue a target.

    An action takes one token each from the bucket of its capability on its target (the manifest's `limits`), of its
    target and of its talent, or none from any. State is in memory and for one event loop: a bucket is charged, when
    it is made, with what the log says was asked for lately.
    """

    def __init__(
        self,
        limits: GovernorLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        past: Callable[[float], Sequence[Past]] = _no_past,
    ) -> None:
        """`clock` is in seconds, and one that is never set. `past` answers the asks of so many last seconds, the oldest
        first; what it raises, `admit` and `charge` raise."""
        self._past = past
        self._known_s = 0.0
        self._known: Sequence[tuple[float, Past]] = ()
        self._limits = limits or GovernorLimits()
        self._clock = clock
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._turns = Turns(self._limits.waiting, clock, each=self._limits.waiting_each)

    async def admit(self, talent: Talent, capability: Capability, target: Target) -> None:
        """Charge one action. Raises IF_ERR_RATE_LIMITED that names the limit, with `retry_after` in seconds."""
        manifest, now = capability.manifest, self._clock()
        of_talent, of_target = talent.rate or self._limits.talent, target.rate or self._limits.target
        buckets = (
            self._bucket((manifest.id, target.name), manifest.limits.rps, manifest.limits.burst, now),
            self._bucket(("target", target.name), of_target.rps, of_target.burst, now),
            self._bucket(("talent", talent.id), of_talent.rps, of_talent.burst, now),
        )
        waits = [bucket.wait(now) for bucket in buckets]
        longest = max(waits)
        if longest > 0:
            which = waits.index(longest)
            what = (f"{short_name(manifest.id)} on {target.name} is", f"{target.name} is", f"{talent.id} has")[which]
            asked = "asked" if which == 2 else "asked for"
            said = f"{what} {asked} more than {buckets[which].rate:g} times a second"
            raise FabricError(Code.RATE_LIMITED, said, retry_after=longest)
        for bucket in buckets:
            bucket.take(now)

    def charge(self, talent: Talent) -> None:
        """Charge the talent alone, for an ask that goes no further. Raises IF_ERR_RATE_LIMITED with `retry_after`."""
        now = self._clock()
        rate = talent.rate or self._limits.talent
        wait = self._bucket(("talent", talent.id), rate.rps, rate.burst, now).take(now)
        if wait > 0:
            said = f"{talent.id} has asked more than {rate.rps:g} times a second"
            raise FabricError(Code.RATE_LIMITED, said, retry_after=wait)

    def turn(self, target: str, limit: int, talent: str = "") -> AbstractAsyncContextManager[None]:
        """The right to plan and apply on `target`; talents take turns. Raises IF_ERR_BUSY with `retry_after`."""
        return self._turns.turn(target, limit, talent)

    @property
    def turns(self) -> tuple[int, int]:
        """Turns that are held now, and actions that wait for one, of all targets."""
        return self._turns.totals

    def _bucket(self, key: tuple[str, str], rate: float, burst: int, now: float) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = self._begun(key, rate, burst, now)
        elif bucket.rate != rate or bucket.burst != burst:
            bucket.adjust(rate, burst, now)
        return bucket

    def _begun(self, key: tuple[str, str], rate: float, burst: int, now: float) -> TokenBucket:
        """A bucket as it would stand, had it been there while the log grew."""
        back = min(LOOKS_BACK * burst / rate, LONGEST_S)
        if back > self._known_s:
            self._known = [(now - past.ago_s, past) for past in self._past(back)]
            self._known_s = back
        bucket = TokenBucket(rate, burst, now - back)
        for at, past in self._known:
            if at >= now - back and key in _keys(past):
                bucket.take(at)
        return bucket


def _keys(past: Past) -> tuple[tuple[str, str], ...]:
    of_talent = ("talent", past.talent)
    if not past.capability:
        return (of_talent,)
    return ((past.capability, past.target), ("target", past.target), of_talent)
