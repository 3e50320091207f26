"""The token bucket: a rate with a burst. Pure; the caller brings the clock."""

from __future__ import annotations

__all__ = ["TokenBucket"]

_ROUNDING = 1e-9
"""Else who waits exactly as long as told could be told to wait once more."""


class TokenBucket:
    """Grants at most `burst + rate * t` in any stretch of `t` seconds. Starts full.

    `now` is in seconds of a clock that does not go backwards; should it, no time is counted.
    """

    def __init__(self, rate: float, burst: int, now: float) -> None:
        if not (rate > 0 and burst >= 1):
            raise ValueError("a bucket has a rate above 0 and a burst of at least 1")
        self.rate = rate
        self.burst = burst
        self._tokens = float(burst)
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0.0 where there is one. Nothing is taken."""
        self._fill(now)
        return 0.0 if self._tokens >= 1 - _ROUNDING else (1 - self._tokens) / self.rate

    def take(self, now: float) -> float:
        """0.0 where a token was taken; otherwise the seconds until there is one, and nothing is taken."""
        wait = self.wait(now)
        if wait == 0:
            self._tokens = max(0.0, self._tokens - 1)
        return wait

    def left(self, now: float) -> float:
        """Tokens that are there."""
        self._fill(now)
        return self._tokens

    def adjust(self, rate: float, burst: int, now: float) -> None:
        """Go on under another rate and burst, keeping what was used up: a change of limits refills nothing."""
        self._fill(now)
        self.rate, self.burst = rate, burst
        self._tokens = min(self._tokens, float(burst))

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate)
            self._at = now
