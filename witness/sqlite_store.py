"""The log's store in one SQLite file (WAL, `synchronous=FULL`).

Durable means: the WAL was synced before `commit` returns. A second thread copies the WAL into the database, so that an
append does not pay for it. `secure_delete` is on: what is erased is overwritten with zeros.
"""

from __future__ import annotations

import logging  # noqa: TID251 - keys.library_log takes it
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.sqlite_reader import BLOCK_BITS, SqliteReader, connect, trace_mark
from infrafabric.witness.store import Commit, Row, StoredFact, StoreFailed, StoreFull

__all__ = ["SqliteStore"]

FORMAT = 2
"""`user_version` of the file."""
APPLICATION = 0x49464C47
"""`application_id`: IFLG."""
WAL_FRAMES = 1000
"""Pages in the WAL beyond which it is to be used again from its start (SQLite's own default for that)."""
PAGES_A_COMMIT, ROWS_A_PAGE = 4, 5
"""Roughly what a commit puts into the WAL: the ends of table and indexes, and the rows themselves."""
WAL_BYTES = 32 + (WAL_FRAMES + 250) * (24 + 4096)
"""Written as zeros at open: a sync of a file that grows, or is only allocated, commits the file system's journal."""
CHECKPOINT_AT_LEAST_S = 5.0
RESERVE_BYTES = 16 << 20
"""Held back in a file of its own: room for the closing entries (at most 1 MiB each) of what is under way."""
DISK_CHECK_S = 0.25

# An index on traces, which are random, or on kinds would add a page or more to every commit. Instead each complete
# block of entries has a row that says which kinds and traces are in it: a search reads the blocks that may hold what is
# wanted, and what comes after the last block. Action ids rise with time, so that their index grows at its end.
_BLOCKS = """
CREATE TABLE block (n INTEGER PRIMARY KEY, kinds TEXT NOT NULL, traces BLOB NOT NULL);
"""
_SCHEMA = """
CREATE TABLE entry (
    i INTEGER PRIMARY KEY, hash BLOB NOT NULL, leaf BLOB NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL,
    trace TEXT, talent TEXT, target TEXT, capability TEXT, actor TEXT, salt BLOB, body BLOB
);
CREATE INDEX entry_action ON entry(action) WHERE action <> '';
CREATE TABLE node (level INTEGER, i INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, i)) WITHOUT ROWID;
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL
);
CREATE TABLE actor (pseudonym TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE fact (
    table_name TEXT, key TEXT, value BLOB NOT NULL, i INTEGER NOT NULL, PRIMARY KEY (table_name, key)
) WITHOUT ROWID;
CREATE TABLE erased (i INTEGER, table_name TEXT, key TEXT, PRIMARY KEY (i, table_name, key)) WITHOUT ROWID;
"""
_FROM_1 = "DROP INDEX entry_trace; DROP INDEX entry_kind;"
_COLUMNS = 12
_ZEROS = 1 << 20
_log = logging.getLogger(__name__)
# One statement for many rows: each statement gives up the interpreter lock, and a busy event loop is slow to return it.
_CHUNKS = [
    (count, "INSERT INTO entry VALUES " + ",".join([f"({','.join('?' * _COLUMNS)})"] * count))  # noqa: S608 - fixed text
    for count in (64, 16, 4, 1)
]


class SqliteStore:
    """A store in the file `path`, made if it is not there. `before_sync` is called ahead of each durable commit."""

    def __init__(self, path: Path, *, before_sync: Callable[[], None] | None = None) -> None:
        self.path = path
        self._before_sync = before_sync
        self._reserve = path.with_name(path.name + ".reserve")
        self._free = (0.0, 0)
        self._failure: Exception | None = None
        self._wal_frames = self._pages = 0
        self._sealed = 0
        """Blocks that are described."""
        self._writer = self._open()
        self.restore_reserve()
        self._stop = threading.Event()
        self._due = threading.Event()
        self._checkpointer = threading.Thread(target=self._checkpoint_forever, name="log-checkpointer", daemon=True)
        self._checkpointer.start()

    def _open(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            db = connect(self.path)
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > FORMAT:
                raise FabricError(
                    Code.HOME_VERSION, f"the log {self.path.name} is of format {version}, known is {FORMAT}"
                )
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA wal_autocheckpoint=0")
            db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA cache_size=-65536")  # 64 MiB
            if version < FORMAT:
                tables = _FROM_1 if version == 1 else _SCHEMA
                marks = f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={FORMAT};"
                db.executescript(f"BEGIN IMMEDIATE; {tables} {_BLOCKS} {marks} COMMIT")
            if version == 0:
                self._checkpoint(db, "TRUNCATE")
            self._sealed = db.execute("SELECT coalesce(max(n) + 1, 0) FROM block").fetchone()[0]
            self._grow_wal()
        except sqlite3.Error as error:
            raise FabricError(Code.LOG_DAMAGED, f"the log {self.path.name} cannot be opened: {error}") from None
        return db

    def _grow_wal(self) -> None:
        """Give an empty WAL the size that it soon has anyway.

        SQLite ignores a WAL whose header is not one, and whatever follows its last whole frame (file format, section
        4.1). One that holds anything is left alone: a kernel that died left it grown.
        """
        wal = self.path.with_name(self.path.name + "-wal")
        if not wal.exists() or wal.stat().st_size > 0 or self.free_bytes() < 4 * RESERVE_BYTES:
            return
        try:
            with wal.open("r+b", buffering=0) as file:
                for position in range(0, WAL_BYTES, _ZEROS):
                    file.write(bytes(min(_ZEROS, WAL_BYTES - position)))
                os.fsync(file.fileno())
        except OSError as error:
            # What was written of it does no harm, and a commit that finds no room says so itself.
            _log.warning("the WAL of %s was not grown beforehand: %s", self.path.name, error)

    # --- writing

    def commit(self, commit: Commit) -> None:
        if self._failure is not None:
            raise StoreFailed(f"copying the WAL failed: {self._failure}")
        db = self._writer
        execute = db.execute
        try:
            execute("BEGIN IMMEDIATE")
            rows = commit.rows
            done = 0
            for count, statement in _CHUNKS:
                while len(rows) - done >= count:
                    execute(statement, tuple(chain.from_iterable(rows[done : done + count])))
                    done += count
            if commit.nodes:
                db.executemany("INSERT INTO node VALUES (?,?,?)", commit.nodes)
            sealed = self._seal(commit.state.size >> BLOCK_BITS)
            for erasure in commit.erasures:
                self._erase(erasure.index, erasure.keys)
                if erasure.index >> BLOCK_BITS < sealed:
                    self._describe(erasure.index >> BLOCK_BITS)
            if commit.facts:
                self._write_facts(commit.facts)
            if commit.forget_actors:
                execute("DELETE FROM actor")
            for actor in commit.actors:
                execute("INSERT INTO actor VALUES (?,?) ON CONFLICT DO UPDATE SET seq=excluded.seq", actor)
            execute("INSERT OR REPLACE INTO state VALUES (1,?,?,?)", commit.state)
            self._sync()
        except sqlite3.Error as error:
            self._roll_back(error)
        self._sealed = sealed
        self._reuse_wal(commit.rows)

    def _seal(self, blocks: int) -> int:
        """Describe the blocks that are complete now; how many are described."""
        for block in range(self._sealed, blocks):
            self._describe(block)
        return max(self._sealed, blocks)

    def _describe(self, block: int) -> None:
        found = self._writer.execute(
            "SELECT DISTINCT kind, trace FROM entry WHERE i>=? AND i<?", (block << BLOCK_BITS, block + 1 << BLOCK_BITS)
        ).fetchall()
        kinds = "".join(f"{kind}," for kind in sorted({kind for kind, _ in found}))
        traces = b"".join(sorted({trace_mark(trace) for _, trace in found if trace}))
        self._writer.execute("INSERT OR REPLACE INTO block VALUES (?,?,?)", (block, f",{kinds}", traces))

    def _erase(self, index: int, keys: Sequence[tuple[str, str]]) -> None:
        db = self._writer
        db.execute(
            "UPDATE entry SET trace=NULL, talent=NULL, target=NULL, capability=NULL, actor=NULL, salt=NULL, body=NULL"
            " WHERE i=?",
            (index,),
        )
        for table, key in keys:
            db.execute("DELETE FROM fact WHERE table_name=? AND key=? AND i=?", (table, key, index))
        db.executemany("INSERT OR IGNORE INTO erased VALUES (?,?,?)", [(index, *pair) for pair in keys])

    def _write_facts(self, facts: Sequence[StoredFact]) -> None:
        last = {(fact.table, fact.key): fact for fact in facts}
        for fact in last.values():
            if fact.value is None:
                self._writer.execute("DELETE FROM fact WHERE table_name=? AND key=?", fact[:2])
            else:
                self._writer.execute(
                    "INSERT INTO fact VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET value=excluded.value, i=excluded.i",
                    fact,
                )

    def replace_facts(self, facts: Sequence[StoredFact]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.execute("DELETE FROM fact")
            self._write_facts(facts)
            self._sync()
        except sqlite3.Error as error:
            self._roll_back(error)

    def _sync(self) -> None:
        if self._before_sync is not None:
            self._before_sync()
        self._writer.execute("COMMIT")

    def _roll_back(self, error: sqlite3.Error) -> None:
        if self._writer.in_transaction:
            try:
                self._writer.execute("ROLLBACK")
            except sqlite3.Error as second:
                raise StoreFailed(f"{error}; rolling back: {second}") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StoreFull(str(error)) from error
        raise StoreFailed(str(error)) from error

    # --- the WAL

    def _reuse_wal(self, rows: Sequence[Row]) -> None:
        """Copy what little the other thread has left, so that the next commit writes the WAL from its start again.

        While commits keep coming, the other thread alone never finds the WAL at rest: it would grow without end, and a
        sync of a file that grows costs twice that of one that does not.
        """
        self._pages += PAGES_A_COMMIT + len(rows) // ROWS_A_PAGE
        if self._pages > WAL_FRAMES:
            self._pages = 0
            self._due.set()
        if self._wal_frames > WAL_FRAMES:
            self._wal_frames = 0
            self._checkpoint(self._writer, "PASSIVE")

    def _checkpoint_forever(self) -> None:
        try:
            db = connect(self.path)
            db.execute("PRAGMA synchronous=FULL")
            while not self._stop.is_set():
                self._due.wait(CHECKPOINT_AT_LEAST_S)
                self._due.clear()
                self._wal_frames = self._checkpoint(db, "PASSIVE")[1]
            db.close()
        except sqlite3.Error as error:  # the next commit raises it
            self._failure = error

    @staticmethod
    def _checkpoint(db: sqlite3.Connection, mode: str) -> tuple[bool, int]:
        """Copy the WAL into the database. Whether nothing was in the way, and how many frames the WAL holds."""
        try:
            busy, frames, _ = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            # The WAL stays whole, and commits go on as long as it has room to grow: nothing is lost.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return False, 0
            raise
        return not busy, frames

    def purge(self) -> bool:
        return self._checkpoint(self._writer, "TRUNCATE")[0]

    # --- room

    def free_bytes(self) -> int:
        now = time.monotonic()
        if now - self._free[0] > DISK_CHECK_S or self._free[0] == 0.0:
            self._free = (now, shutil.disk_usage(self.path.parent).free)
        return self._free[1]

    def release_reserve(self) -> None:
        self._reserve.unlink(missing_ok=True)

    def restore_reserve(self) -> None:
        if self._reserve.exists() or shutil.disk_usage(self.path.parent).free < 4 * RESERVE_BYTES:
            return
        new = self._reserve.with_name(self._reserve.name + ".new")
        with new.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            else:
                for _ in range(RESERVE_BYTES >> 20):
                    file.write(bytes(1 << 20))
        new.replace(self._reserve)

    # --- the rest

    def reader(self) -> SqliteReader:
        return SqliteReader(self.path)

    def close(self) -> None:
        self._stop.set()
        self._due.set()
        self._checkpointer.join()
        self._writer.close()
