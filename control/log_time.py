"""The clock of this machine beside the time of a home's log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infrafabric.kernel.errors import FabricError
from infrafabric.witness.clock import LogClock, steady_s
from infrafabric.witness.leaf import format_at, parse_at

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["LogTime", "log_time"]


@dataclass(frozen=True, slots=True)
class LogTime:
    """Times in RFC 3339. `refusal` is why a kernel that starts now would take no new work."""

    now: str
    last: str
    refusal: FabricError | None


def log_time(house: House) -> LogTime:
    """What the clock says, beside the last entry. Raises IF_ERR_ENTRY_UNKNOWN while the log is empty."""
    from infrafabric.control.opening_log import log_limits

    last = house.reading.entry(house.reading.size - 1).parsed.at
    clock = LogClock(time.time, steady_s, parse_at(last), log_limits(house.settings))
    return LogTime(format_at(int(time.time() * 1000)), last, clock.refusal(parse_at(last)))
