"""What was asked for lately, out of the log: so that rates hold from one process to the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from infrafabric.kernel.words.entries import Kind
from infrafabric.policy.governor import Past
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["MOST", "recent_asks"]

MOST = 200
"""Asks that are looked at: those before them are not charged again."""


def recent_asks(house: House, seconds: float) -> Sequence[Past]:
    """The newest asks of the last `seconds`, oldest first. Raises IF_ERR_LOG_DAMAGED.

    One that was turned away at the door counts for its talent alone, and one that was erased for nobody.
    """
    now = house.clock()
    since = int((now - timedelta(seconds=seconds)).timestamp() * 1000)
    most = min(MOST, house.settings.witness.found_entries)
    asked = house.reading.find(Query(kind=Kind.ACTION_RECEIVED.value, since=since, limit=most))
    refused = house.reading.find(Query(kind=Kind.ACTION_REFUSED.value, since=since, limit=most)) if asked else ()
    away = {entry.action for entry in refused if entry.body is None or entry.body["station"] == "admit"}
    found: list[Past] = []
    for entry in reversed(asked):
        if entry.body is None:
            continue
        ago = (now - datetime.fromisoformat(entry.at).astimezone(UTC)).total_seconds()
        where = ("", "") if entry.action in away else (entry.body["capability"], entry.body["target"])
        found.append(Past(max(ago, 0.0), entry.body["talent"], *where))
    return found
