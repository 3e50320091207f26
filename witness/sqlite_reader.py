"""Reads of the SQLite store, also by another process while a kernel writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from zlib import crc32

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.store import Query, Row, State, StoreDamaged, StoredFact

__all__ = ["BLOCK_BITS", "SqliteReader", "connect", "trace_mark"]

BUSY_MS = 5_000
_END = 2**63 - 1
BLOCK_BITS = 10
"""Entries are described in blocks of 1024; see the schema."""


def trace_mark(trace: str) -> bytes:
    """Four bytes by which a block says that it may hold a trace. Others may have the same mark."""
    return crc32(trace.encode("utf-8", "surrogatepass")).to_bytes(4, "big")


def connect(path: Path, *, mode: str = "rw") -> sqlite3.Connection:
    """A connection in autocommit mode that may change threads, but be used by one at a time."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    return db


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StoreDamaged(str(error)) from error


def _after(prefix: str) -> str | None:
    """The least string above all that begin with `prefix`, in order of code points; None where there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        prefix = prefix[:-1]
        if code <= 0x10FFFF:
            return prefix + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
    return None


class SqliteReader:
    """Implements `Reader`. Raises IF_ERR_HOME_MISSING when the file is not there."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise FabricError(Code.HOME_MISSING, f"there is no log at {path.name}")
        try:
            self._db = connect(path, mode="ro")
            self._db.execute("PRAGMA cache_size=-16384")
        except sqlite3.Error as error:
            raise FabricError(Code.LOG_DAMAGED, f"the log {path.name} cannot be opened: {error}") from None

    def state(self) -> State | None:
        with _damage():
            found = self._db.execute("SELECT origin, size, note FROM state").fetchone()
        return None if found is None else State(*found)

    def count(self) -> int:
        with _damage():
            highest = self._db.execute("SELECT max(i) FROM entry").fetchone()[0]
        return 0 if highest is None else int(highest) + 1

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        with _damage():
            if level == 0:
                found = self._db.execute(
                    "SELECT hash FROM entry WHERE i>=? AND i<? ORDER BY i", (start, stop)
                ).fetchall()
            else:
                found = self._db.execute(
                    "SELECT hash FROM node WHERE level=? AND i>=? AND i<? ORDER BY i", (level, start, stop)
                ).fetchall()
        return [hash_ for (hash_,) in found]

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        with _damage():
            found = self._db.execute(
                "SELECT i, leaf FROM entry WHERE i>=? AND i<? ORDER BY i", (start, stop)
            ).fetchall()
        return [
            leaf for expected, (index, leaf) in enumerate(found, start) if index == expected and isinstance(leaf, bytes)
        ]

    def row(self, index: int) -> Row | None:
        with _damage():
            found = self._db.execute("SELECT * FROM entry WHERE i=?", (index,)).fetchone()
        return None if found is None else Row(*found)

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        # In slices, so that a long reading holds no snapshot open and the WAL can be emptied meanwhile.
        while start < stop:
            with _damage():
                slice_ = self._db.execute(
                    "SELECT * FROM entry WHERE i>=? AND i<? ORDER BY i LIMIT 256", (start, stop)
                ).fetchall()
            if not slice_:
                return
            for found in slice_:
                yield Row(*found)
            start = slice_[-1][0] + 1

    def of_action(self, action: str) -> Sequence[Row]:
        with _damage():
            found = self._db.execute(
                "SELECT * FROM entry WHERE action=? AND action<>'' ORDER BY i", (action,)
            ).fetchall()
        return [Row(*row) for row in found]

    def find(self, query: Query, first: int, stop: int | None = None) -> Sequence[Row]:
        terms = ["i>=?", "i<?"]
        values: list[str | int] = []
        last = _END if stop is None else stop
        for name, value in query.words:
            terms.append(f"{name}=?")
            values.append(value)
        if query.action:
            terms.append("action<>''")  # lets the index serve, which leaves out what has none
        if query.talent is not None:
            terms.append("(talent=? OR actor=?)")
            values += [query.talent, query.talent]
        if query.kinds:
            terms.append(f"kind IN ({','.join('?' * len(query.kinds))})")
            values += query.kinds
        statement = f"SELECT * FROM entry WHERE {' AND '.join(terms)} ORDER BY i DESC LIMIT ?"  # noqa: S608 - fixed text
        found: list[Row] = []
        with _damage():
            for start, end in self._where(query, first, last):
                wanted = (start, min(end, last), *values, query.limit - len(found))
                found += (Row(*row) for row in self._db.execute(statement, wanted))
                if len(found) >= query.limit:
                    break
        return found

    def _where(self, query: Query, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The ranges of entries that may hold what is wanted, newest first."""
        if query.action or (query.trace is None and query.kind is None and not query.kinds):
            yield first, _END
            return
        (blocks,) = self._db.execute("SELECT coalesce(max(n) + 1, 0) FROM block").fetchone()
        yield max(first, blocks << BLOCK_BITS), _END
        terms = ["n>=?", "n<=?"]
        values: list[int | str | bytes] = [first >> BLOCK_BITS, last >> BLOCK_BITS]
        if query.trace:
            terms.append("instr(traces, ?)")
            values.append(trace_mark(query.trace))
        if query.kind is not None:
            terms.append("instr(kinds, ?)")
            values.append(f",{query.kind},")
        if query.kinds:
            terms.append("(" + " OR ".join(["instr(kinds, ?)"] * len(query.kinds)) + ")")
            values += [f",{kind}," for kind in query.kinds]
        candidates = self._db.execute(
            f"SELECT n FROM block WHERE {' AND '.join(terms)} ORDER BY n DESC",  # noqa: S608 - fixed text
            values,
        ).fetchall()
        for (block,) in candidates:
            if block < blocks:
                yield max(first, block << BLOCK_BITS), block + 1 << BLOCK_BITS

    def sequence(self, actor: str) -> int:
        with _damage():
            found = self._db.execute("SELECT seq FROM actor WHERE pseudonym=?", (actor,)).fetchone()
        return 0 if found is None else int(found[0])

    def fact(self, table: str, key: str) -> bytes | None:
        with _damage():
            found = self._db.execute("SELECT value FROM fact WHERE table_name=? AND key=?", (table, key)).fetchone()
        return None if found is None else bytes(found[0])

    def facts(self, table: str, prefix: str) -> Sequence[tuple[str, bytes]]:
        bound = _after(prefix)
        with _damage():
            if bound is None:
                return self._db.execute(
                    "SELECT key, value FROM fact WHERE table_name=? AND key>=? ORDER BY key", (table, prefix)
                ).fetchall()
            return self._db.execute(
                "SELECT key, value FROM fact WHERE table_name=? AND key>=? AND key<? ORDER BY key",
                (table, prefix, bound),
            ).fetchall()

    def all_facts(self) -> Iterator[StoredFact]:
        with _damage():
            found = self._db.execute("SELECT table_name, key, value, i FROM fact ORDER BY table_name, key").fetchall()
        return (StoredFact(*row) for row in found)

    def erased_keys(self, index: int) -> Sequence[tuple[str, str]]:
        with _damage():
            return self._db.execute("SELECT table_name, key FROM erased WHERE i=? ORDER BY 2, 1", (index,)).fetchall()

    def close(self) -> None:
        self._db.close()
