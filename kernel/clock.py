"""The time by which what expires is judged: a clock that is set back brings nothing back to life."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["AccountedClock", "moment"]


class AccountedClock:
    """The wall clock, but never before `floor` (Unix seconds: the log's last entry) and what passed since then.

    Calling it gives a time in UTC. A wall clock that ran ahead for a while takes nothing along when it is set right.
    """

    def __init__(
        self,
        floor: float = 0.0,
        wall: Callable[[], float] | None = None,
        steady: Callable[[], float] | None = None,
    ) -> None:
        self._wall, self._steady = wall or time.time, steady or time.monotonic
        self._since = (max(self._wall(), floor), self._steady())

    def __call__(self) -> datetime:
        then, started = self._since
        return datetime.fromtimestamp(max(self._wall(), then + self._steady() - started), UTC)


def moment(text: str) -> datetime:
    """The time of an RFC 3339 text in UTC, as facts hold it."""
    return datetime.fromisoformat(text)
