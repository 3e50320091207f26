"""How many messages are taken: of a source, of a sender, and how many refusals are worth an entry."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.buckets import TokenBucket

__all__ = ["Bounded", "network_of"]

KEPT = 16_384
"""Names whose buckets are kept: the one used longest ago makes room, its bucket long full again."""


class Bounded:
    """A token bucket for each name, of the same rate and burst."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, name: str) -> float:
        """0.0 where one more is taken now; else the seconds until then."""
        return self._bucket(name).take(self._clock())

    def check(self, name: str, what: str) -> None:
        """Take one. Raises IF_ERR_RATE_LIMITED, saying `what` there are too many of."""
        wait = self.take(name)
        if wait:
            raise FabricError(Code.RATE_LIMITED, f"too many {what}", retry_after=wait)

    def left(self, name: str, what: str) -> None:
        """The same, but take none."""
        wait = self._bucket(name).wait(self._clock())
        if wait:
            raise FabricError(Code.RATE_LIMITED, f"too many {what}", retry_after=wait)

    def _bucket(self, name: str) -> TokenBucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= KEPT:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = TokenBucket(self._rate, self._burst, self._clock())
        else:
            self._buckets.move_to_end(name)
        return bucket


def network_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 of an IPv6 one, which is one subscriber's."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
