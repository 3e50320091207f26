"""A log in a folder, for tests to fill, to open again and to spoil."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import ActionClosed, EffectIntended, Fact, Kind
from infrafabric.kernel.words.plan import Outcome
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.limits import Limits
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.slots import Slots
from infrafabric.witness.sqlite_store import SqliteStore


def intended(action: str, change: str = "change-1", *, trace: str = "", talent: str = "if://agent/a") -> Entry:
    body = EffectIntended(
        talent=talent, target="vmix@studio", trace=trace, change=change, effect="cut", request=f"GET /api?{change}"
    )
    return Entry(Kind.EFFECT_INTENDED, body, action, talent)


def closed(action: str) -> Entry:
    body = ActionClosed(
        talent="if://agent/a", target="vmix@studio", capability="if://capability/vmix.switcher", outcome=Outcome.DONE
    )
    return Entry(Kind.ACTION_CLOSED, body, action, "if://agent/a")


def project(entry: Entry, index: int, at: str) -> Iterator[Fact]:
    """A fold for tests: the last kind of each action, and a fact that closing removes."""
    if entry.action:
        yield Fact("last", entry.action, {"kind": entry.kind.value, "index": index, "at": at})
        yield Fact("open", entry.action, None if entry.kind == Kind.ACTION_CLOSED else index)


@dataclass
class Bench:
    """A folder with a log in it that can be opened again and again."""

    folder: Path
    key: SigningKey = field(default_factory=lambda: SigningKey.from_seed(bytes(range(32))))
    heir: SigningKey | None = None
    """The key that takes over."""
    now: float = 1_790_000_000.0
    passed: float = 0.0
    """Seconds by the clock that nobody can set."""
    limits: Limits = field(default_factory=lambda: Limits(disk_reserve_bytes=0))
    pseudonym_key: bytes = b"p" * 32
    origin: str = "example.com/test"
    store_type: type[SqliteStore] = SqliteStore

    @property
    def database(self) -> Path:
        return self.folder / "log.db"

    @property
    def slots(self) -> Path:
        return self.folder / "slots"

    def store(self) -> SqliteStore:
        return self.store_type(self.database)

    @asynccontextmanager
    async def open(self, *, development: bool = False) -> AsyncIterator[WitnessLog]:
        log = await WitnessLog.open(
            self.store(),
            Slots(self.slots),
            origin=self.origin,
            signer=KeySigner(self.key),
            heir=KeySigner(self.heir) if self.heir is not None else None,
            pseudonym_key=self.pseudonym_key,
            project=project,
            clock=lambda: self.now,
            steady=lambda: self.passed,
            limits=self.limits,
            development=development,
        )
        try:
            yield log
        finally:
            await log.close()

    def sql(self, statement: str, *values: object) -> None:
        """Another hand on the closed database."""
        db = sqlite3.connect(self.database)
        with db:
            db.execute(statement, values)
        db.close()
