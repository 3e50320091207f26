"""Service levels: how fast an error budget burns, over several windows at once. Pure.

A burn rate of 1 uses up exactly the budget that the objective leaves; alerts are those of the SRE Workbook, chapter 5,
table 5-8: a page where 1 h and 5 min both burn at 14.4 or more, a ticket where 6 h and 30 min both burn at 6 or more.
The short window lets an alert end soon after its cause did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["ALERTS", "WINDOWS", "Alert", "Level", "Tally"]

BUCKET_S = 60
WINDOWS = {"5m": 300, "30m": 1_800, "1h": 3_600, "6h": 21_600}
"""Names of the windows, and their seconds."""


@dataclass(frozen=True, slots=True)
class Alert:
    severity: str
    long: str
    short: str
    burn: float


ALERTS = (Alert("page", "1h", "5m", 14.4), Alert("ticket", "6h", "30m", 6.0))


@dataclass(frozen=True, slots=True)
class Tally:
    good: int
    bad: int

    @property
    def share(self) -> float:
        """Of the bad; 0 where there was nothing at all."""
        total = self.good + self.bad
        return self.bad / total if total else 0.0


class Level:
    """An objective, and what was counted against it in the last six hours."""

    def __init__(self, name: str, objective: float) -> None:
        """`objective` is the share that must be good, below 1."""
        self.name = name
        self.objective = objective
        self._buckets: deque[list[int]] = deque()
        """`[minute, good, bad]`, the oldest first."""

    def count(self, good: bool, at: float) -> None:
        """`at` is in seconds, by a clock that is never set back by more than a minute."""
        minute = int(at // BUCKET_S)
        if not self._buckets or self._buckets[-1][0] < minute:
            self._buckets.append([minute, 0, 0])
            while self._buckets[0][0] <= minute - WINDOWS["6h"] // BUCKET_S:
                self._buckets.popleft()
        self._buckets[-1][1 if good else 2] += 1

    def within(self, window: str, at: float) -> Tally:
        """What was counted in that window until `at`, to the minute."""
        first = int(at // BUCKET_S) - WINDOWS[window] // BUCKET_S + 1
        found = [bucket for bucket in self._buckets if bucket[0] >= first]
        return Tally(sum(bucket[1] for bucket in found), sum(bucket[2] for bucket in found))

    def burn(self, window: str, at: float) -> float:
        """How many times as fast as it may the error budget burns."""
        return self.within(window, at).share / (1 - self.objective)

    def alerts(self, at: float) -> frozenset[str]:
        """The severities that are due."""
        return frozenset(
            alert.severity
            for alert in ALERTS
            if self.burn(alert.long, at) >= alert.burn and self.burn(alert.short, at) >= alert.burn
        )
