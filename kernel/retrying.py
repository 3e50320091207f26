"""Retry: whether a write is tried again, and when. Pure; the caller brings clock and chance.

Only a write that may be sent twice is: its manifest calls it `repeatable`, or gives it a provider's key, which is the
same for every attempt. It is tried again where the target was not reached, did not answer, or asked for patience; a no
is a no. The waits are the manifest's `limits.backoff`, each up to a quarter longer by chance, so that many who failed
together do not come back together; a longer `Retry-After` of the target's own goes before.

These are a few lines and not tenacity's: the attempts lie between entries of the log, and the waits are also written
down, cut short by a cancellation and bounded by the time that is left, which a retrying function cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Effect, Limits
from infrafabric.kernel.words.policy import Retry

__all__ = ["AGAIN", "JITTER", "Repeats", "Result", "rfc3339", "told_by"]

AGAIN = frozenset({Code.TARGET_UNREACHABLE, Code.TARGET_TIMEOUT, Code.TARGET_LOST, Code.BREAKER_OPEN})
"""Codes after which the same request may be taken. Beside them stands an answer that asks for patience."""

Result = Literal["answered", "failed", "not_sent", "unknown"]
"""What is known of a write: it was taken, refused, never sent, or nobody knows."""

_TELLING: tuple[Result, ...] = ("not_sent", "failed", "unknown", "answered")


def told_by(before: Result | None, last: Result) -> Result:
    """What several attempts at one write tell together: a later no says nothing of an earlier one without an answer."""
    return last if before is None else max(before, last, key=_TELLING.index)


JITTER = 0.25
"""By which part of itself a wait is longer at most."""


@dataclass(slots=True)
class Repeats:
    """The attempts at one write: how many there may be, and how long after the first."""

    waits: tuple[float, ...]
    most_s: float
    """From the first attempt to the last."""
    attempt: int = 1
    """The attempt that is under way, or was last."""
    cause: str = ""
    """Code of what made the last one fail."""
    first_at: str = ""
    """When the first attempt was about to be made, RFC 3339 UTC."""
    _used: int = 0

    @classmethod
    def of(cls, effect: Effect, limits: Limits, most_s: float) -> Repeats:
        """Those of a write of `effect`; `most_s` is how long the kernel goes on trying."""
        if effect.provider_key is not None:
            return cls(limits.backoff, min(most_s, effect.provider_key.window_s))
        return cls(limits.backoff if effect.repeatable else (), most_s)

    @property
    def limit(self) -> int:
        """Attempts in all, at most."""
        return 1 + len(self.waits) if self.most_s > 0 else 1

    def wait(self, error: FabricError | None, *, later: bool, spent_s: float, chance: float) -> float | None:
        """Seconds to wait before the next attempt, None where there is none; a wait that was given is used up.

        `error` is how the last attempt failed, `later` whether the answer asked for patience, `spent_s` what passed
        since the first attempt, `chance` from 0 to 1.
        """
        self.cause = error.code.value if error is not None else ""
        if error is None or not (later or error.code in AGAIN) or self._used + 1 >= self.limit:
            return None
        planned = self.waits[self._used]
        wait = max(planned, error.retry_after or 0.0) + JITTER * planned * chance
        if spent_s + wait > self.most_s:
            return None
        self._used += 1
        return wait

    def envelope(self, wait: float | None = None, now: datetime | None = None) -> Retry | None:
        """Where the write stands, as entries and answers say it; None for an only attempt."""
        if self.attempt == 1 and wait is None:
            return None
        next_at = rfc3339(now + timedelta(seconds=wait)) if now is not None and wait is not None else ""
        return Retry(attempt=self.attempt, limit=self.limit, next_at=next_at, cause=self.cause)


def rfc3339(at: datetime) -> str:
    """A time in UTC, to the millisecond."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
