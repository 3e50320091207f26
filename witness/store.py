"""What the log needs of a database. SQLite implements it here; another engine passes the same tests.

One thread writes; each thread that reads has a `Reader` of its own. A reader sees every commit that returned before it
was asked. Stored bytes are never believed: whoever reads them checks them against the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

__all__ = [
    "Commit",
    "Erasure",
    "Query",
    "Reader",
    "Row",
    "State",
    "Store",
    "StoreDamaged",
    "StoreFailed",
    "StoreFull",
    "StoredFact",
]


class StoreFull(Exception):
    """No room. Nothing of the commit was kept, and a smaller one may succeed."""


class StoreFailed(Exception):
    """The engine failed. Whether the commit was kept is not known until the store is opened again."""


class StoreDamaged(Exception):
    """The engine cannot read what it stored."""


class Row(NamedTuple):
    """An entry. The columns from `trace` on come from the body and go with it when it is erased."""

    number: int
    """Its leaf index."""
    hash: bytes
    leaf: bytes
    kind: str
    action: str
    trace: str | None
    talent: str | None
    target: str | None
    capability: str | None
    actor: str | None
    """The talent id behind the leaf's pseudonym."""
    salt: bytes | None
    body: bytes | None


class State(NamedTuple):
    """What the store says of the whole."""

    origin: str
    size: int
    note: str
    """The latest signed checkpoint."""


class StoredFact(NamedTuple):
    """A value of the fold; `value` is None where the fact is removed. `source` is the entry that set it."""

    table: str
    key: str
    value: bytes | None
    source: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """Take away the body, salt and body columns of an entry, and the facts that it set and nothing set since."""

    index: int
    keys: tuple[tuple[str, str], ...]
    """(table, key) of every fact that the entry set; kept, so that a rebuilt fold leaves them out as well."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction."""

    state: State
    rows: Sequence[Row] = ()
    nodes: Sequence[tuple[int, int, bytes]] = ()
    """Complete nodes (level, index, hash) of levels 8, 16, 24, …"""
    facts: Sequence[StoredFact] = ()
    actors: Sequence[tuple[str, int]] = ()
    """Each pseudonym's last sequence number."""
    erasures: Sequence[Erasure] = ()
    forget_actors: bool = False
    """A new origin begins: sequence numbers start at 1 again, before `actors` is applied."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries to find; what is None does not matter. Answers come newest first."""

    trace: str | None = None
    talent: str | None = None
    """Named by the body, or the actor."""
    capability: str | None = None
    kind: str | None = None
    target: str | None = None
    action: str | None = None
    since: int | None = None
    """Unix milliseconds."""
    limit: int = 100
    kinds: tuple[str, ...] = ()
    """Any of these; empty: whatever `kind` says."""
    before: int | None = None
    """Entries below this index alone: where a former page ended."""
    until: int | None = None
    """Unix milliseconds: what came later is left out."""
    words: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        names = ("trace", "capability", "kind", "target", "action")
        pairs = tuple((name, getattr(self, name)) for name in names if getattr(self, name) is not None)
        object.__setattr__(self, "words", pairs)


class Reader(Protocol):
    """Reads of committed state, for one thread. Every method may raise StoreDamaged."""

    def state(self) -> State | None:
        """None while the log is empty."""
        ...

    def count(self) -> int:
        """One more than the highest index there is a row for."""
        ...

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """Complete nodes `start` to `stop` of a level that is a multiple of 8; of level 0, the leaf hashes."""
        ...

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        """The leaves from index `start` to `stop`, up to the first that is missing."""
        ...

    def row(self, index: int) -> Row | None: ...

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        """In order of index."""
        ...

    def of_action(self, action: str) -> Sequence[Row]:
        """In order of index."""
        ...

    def find(self, query: Query, first: int, stop: int | None = None) -> Sequence[Row]:
        """Rows from index `first` on, below `stop` where one is given, that fit all but the query's times, newest
        first, at most `query.limit`."""
        ...

    def sequence(self, actor: str) -> int:
        """The last sequence number of a pseudonym, 0 where there is none."""
        ...

    def fact(self, table: str, key: str) -> bytes | None: ...

    def facts(self, table: str, prefix: str) -> Sequence[tuple[str, bytes]]:
        """In order of key (by UTF-8 bytes)."""
        ...

    def all_facts(self) -> Iterator[StoredFact]: ...

    def erased_keys(self, index: int) -> Sequence[tuple[str, str]]: ...

    def close(self) -> None: ...


class Store(Protocol):
    """Writes, from one thread. `reader` may be called from any."""

    def commit(self, commit: Commit) -> None:
        """Make it all durable, or nothing. Raises StoreFull, StoreFailed."""
        ...

    def replace_facts(self, facts: Sequence[StoredFact]) -> None:
        """Put a rebuilt fold in the place of the present one, durably. Raises StoreFull, StoreFailed."""
        ...

    def purge(self) -> bool:
        """Wipe what erasures left behind outside the tables, such as journals. False when a reader is in the way."""
        ...

    def free_bytes(self) -> int:
        """Room on the disk, what is held back not counted. May be a fraction of a second old."""
        ...

    def release_reserve(self) -> None:
        """Give up the room held back for closing entries."""
        ...

    def restore_reserve(self) -> None:
        """Hold it back again, where there is room."""
        ...

    def reader(self) -> Reader: ...

    def close(self) -> None: ...
