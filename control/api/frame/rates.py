"""How often a credential may ask, and how often an address whose credentials do not hold."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from infrafabric.control.api.frame.passing import Quota
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.buckets import TokenBucket

__all__ = ["Rates"]

REMEMBERED = 20_000
"""Buckets at once. One that is left out is full again, as it would be after its window."""


class Rates:
    """A token bucket for each of many names."""

    def __init__(self, name: str, rate: float, burst: int, now: Callable[[], float] = monotonic) -> None:
        self._name, self._rate, self._burst, self._now = name, rate, burst, now
        self._window = math.ceil(burst / rate)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, who: str) -> Quota:
        """Count one request of `who`; what is left. Raises IF_ERR_RATE_LIMITED with the seconds to wait."""
        bucket, now = self._bucket(who), self._now()
        wait = bucket.take(now)
        if wait > 0:
            raise FabricError(Code.RATE_LIMITED, f"more than {self._rate:g} a second of {who}", retry_after=wait)
        return self._quota(bucket, now)

    def spend(self, who: str) -> None:
        """The same for whoever is not told what is left."""
        wait = self._bucket(who).take(self._now())
        if wait > 0:
            raise FabricError(Code.RATE_LIMITED, f"more than {self._rate:g} a second of {who}", retry_after=wait)

    def check(self, who: str) -> None:
        """Raises IF_ERR_RATE_LIMITED where `who` has nothing left. Counts nothing."""
        bucket = self._buckets.get(who)
        wait = 0.0 if bucket is None else bucket.wait(self._now())
        if wait > 0:
            raise FabricError(Code.RATE_LIMITED, f"too many refused requests of {who}", retry_after=wait)

    def quota(self, who: str) -> Quota:
        """What `who` has left."""
        return self._quota(self._bucket(who), self._now())

    def _bucket(self, who: str) -> TokenBucket:
        bucket = self._buckets.get(who)
        if bucket is None:
            if len(self._buckets) >= REMEMBERED:
                self._buckets.popitem(last=False)
            bucket = self._buckets[who] = TokenBucket(self._rate, self._burst, self._now())
        else:
            self._buckets.move_to_end(who)
        return bucket

    def _quota(self, bucket: TokenBucket, now: float) -> Quota:
        left = bucket.left(now)
        return Quota(
            self._name, self._burst, self._window, math.floor(left), math.ceil((self._burst - left) / self._rate)
        )
