"""The log's time: the wall clock, as long as it can be accounted for.

Two things account for it: the last entry, and a clock that nobody can set, which counts what passed since the log was
opened. A clock that is *behind* the last entry, or further *ahead* than the limit allows, is not gone by: new work
waits, and what closes work in hand gets the time that is accounted for, so that a false date never becomes the last
entry's and locks everyone out once the clock is right again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.leaf import format_at
from infrafabric.witness.limits import Limits

__all__ = ["LogClock", "steady_s"]

_CONFIRM = 'Set the clock right. If it is right, say so: `ifctl witness clock --confirm --why "…"`.'
_LAST_S = 253_402_300_799
"""The end of the year 9999, beyond which RFC 3339 has no name for a time."""


def steady_s() -> float:
    """Seconds that passed since some moment, also while the machine slept where the system can tell."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class LogClock:
    """`wall` gives Unix seconds, `steady` seconds that never jump; `last_ms` is the last entry's time, 0 for none."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float], last_ms: int, limits: Limits) -> None:
        self._wall, self._steady, self._limits = wall, steady, limits
        now, last = wall(), last_ms / 1000
        if last_ms and now - last > limits.clock_ahead_s:
            now = last
        self._since = (max(now, last), steady())

    @property
    def accounted_s(self) -> float:
        """Unix seconds that it is by what passed since the log was opened."""
        then, started = self._since
        return then + self._steady() - started

    def refusal(self, last_ms: int) -> FabricError | None:
        """IF_ERR_LOG_CLOCK where the clock cannot be gone by."""
        now, accounted = self._wall(), self.accounted_s
        behind = last_ms / 1000 - now
        if behind > self._limits.clock_back_s:
            return FabricError(Code.LOG_CLOCK, f"the clock is {behind:.1f} s behind the last entry")
        if now - accounted > self._limits.clock_ahead_s:
            return FabricError(
                Code.LOG_CLOCK,
                f"the clock says {_said(now)}, and the log can account for {_said(accounted)} only",
                remedy=_CONFIRM,
            )
        return None

    def is_ahead(self) -> bool:
        return self._wall() - self.accounted_s > self._limits.clock_ahead_s

    def milliseconds(self, last_ms: int) -> int:
        """The time of an entry made now: never before the last one, never one that nobody can account for."""
        now, accounted = self._wall(), self.accounted_s
        if now - accounted > self._limits.clock_ahead_s:
            now = accounted
        return max(int(now * 1000), last_ms)

    def confirm(self) -> tuple[float, float]:
        """Go by the wall clock as it stands, on a person's word. Gives what `restore` takes back."""
        before, self._since = self._since, (self._wall(), self._steady())
        return before

    def restore(self, before: tuple[float, float]) -> None:
        self._since = before


def _said(seconds: float) -> str:
    return format_at(int(min(max(seconds, 0), _LAST_S) * 1000))
