"""The stations that every action passes, in order, and the one place that announces them.

A station is passed when what it stands for is durable in the log (or, for SENT, when the driver has returned and
nothing of it is recorded yet). Where neither an extension nor the asker stands at them, entries of several share a
transaction; see road.py. `--trace` prints them, extensions may refuse at them, and the crash tests kill the
kernel at each: the list of kill points is this enumeration and cannot fall behind the road.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

__all__ = ["OnStation", "Station"]


class Station(StrEnum):
    RECEIVED = "received"
    """Who asks for what is on record."""
    RESOLVED = "resolved"
    """A verified, allowed, loaded capability answers for it."""
    PLANNED = "planned"
    """The guest has planned; nothing is recorded of it yet."""
    DECIDED = "decided"
    """Plan and decision are on record."""
    INTENDED = "intended"
    """A write is about to be sent: on record."""
    SENT = "sent"
    """The driver has returned; what it said is not on record yet."""
    OBSERVED = "observed"
    """What came back is on record."""
    VERIFIED = "verified"
    """The adapter has looked again; the outcome is not on record yet."""
    CLOSED = "closed"
    """The outcome is on record."""
    REFUSED = "refused"
    """The refusal is on record."""


OnStation = Callable[[str, Station], None]
"""Called with the action's id as it passes. An exception refuses the action where nothing was sent yet."""
