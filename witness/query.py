"""Finding entries, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.leaf import Leaf, parse_at
from infrafabric.witness.store import Query, Reader, Row

__all__ = ["Found", "find"]


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that a query found. `actor` and `body` are None once erased."""

    index: int
    at: str
    kind: str
    action: str
    actor: str | None
    seq: int
    body: Mapping[str, Any] | None


def find(reader: Reader, query: Query, size: int, check: Callable[[Row], object]) -> Sequence[Found]:
    """Entries below `size` that fit, each after `check` has passed it. Raises IF_ERR_LOG_DAMAGED.

    Times rise along the log, so `since` and `until` are found by bisection.
    """
    first = 0 if query.since is None else _first_since(reader, query.since, size)
    stop = size if query.before is None else min(size, query.before)
    if query.until is not None:
        stop = min(stop, _first_since(reader, query.until + 1, size))
    found = []
    for row in reader.find(query, first, stop):
        check(row)
        leaf = Leaf.parse(row.leaf)
        body = None if row.body is None else orjson.loads(row.body)
        found.append(Found(row.number, leaf.at, row.kind, row.action, row.actor, leaf.seq, body))
    return found


def _first_since(reader: Reader, since: int, size: int) -> int:
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        row = reader.row(middle)
        if row is None:
            raise FabricError(Code.LOG_DAMAGED, f"entry {middle} is missing")
        if parse_at(Leaf.parse(row.leaf).at) < since:
            low = middle + 1
        else:
            high = middle
    return low
