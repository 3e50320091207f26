"""The governor: how often a capability may be asked for on a target, and who acts there at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Capability
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.buckets import TokenBucket
from infrafabric.policy.turns import Turns

__all__ = ["RateGovernor"]

WAITING = 1000


class RateGovernor:
    """Implements the kernel's port `Governor` with a token bucket a (capability, target) and a queue a target.

    Rate and burst are the manifest's `limits`. State is in memory and for one event loop: a restart fills the buckets.
    """

    def __init__(self, *, waiting: int = WAITING, clock: Callable[[], float] = time.monotonic) -> None:
        """`waiting` is how many actions may wait for a turn at one target; `clock` is in seconds."""
        self._clock = clock
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._turns = Turns(waiting, clock)

    async def admit(self, talent: Talent, capability: Capability, target: Target) -> None:
        """Charge one action, whoever asks. Raises IF_ERR_RATE_LIMITED with `retry_after` in seconds."""
        limits, now = capability.manifest.limits, self._clock()
        key = (capability.manifest.id, target.name)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(limits.rps, limits.burst, now)
        elif (bucket.rate, bucket.burst) != (limits.rps, limits.burst):
            bucket.adjust(limits.rps, limits.burst, now)
        wait = bucket.take(now)
        if wait > 0:
            name = short_name(capability.manifest.id)
            raise FabricError(
                Code.RATE_LIMITED,
                f"{name} on {target.name} is asked for more than {limits.rps:g} times a second",
                retry_after=wait,
            )

    def turn(self, target: str, limit: int, talent: str = "") -> AbstractAsyncContextManager[None]:
        """The right to plan and apply on `target`, in order of asking. Raises IF_ERR_BUSY with `retry_after`."""
        return self._turns.turn(target, limit)
