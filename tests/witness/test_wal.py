"""The WAL of the SQLite store is given its size at open, and what fills it counts for nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from infrafabric.witness import sqlite_store
from infrafabric.witness.sqlite_store import WAL_BYTES, SqliteStore
from infrafabric.witness.store import Commit, Row, State


def commit(store: SqliteStore, number: int) -> None:
    row = Row(number, b"h" * 32, b"leaf", "a.b", "", None, None, None, None, None, b"s" * 32, b"body")
    store.commit(Commit(State("origin", number + 1, f"note {number}"), [row]))


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def copied(path: Path, folder: Path) -> Path:
    """What a kernel that dies now leaves behind."""
    folder.mkdir()
    for file in (path, wal_of(path)):
        shutil.copy(file, folder / file.name)
    return folder / path.name


def test_commits_do_not_make_the_wal_grow(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    assert wal_of(store.path).stat().st_size == WAL_BYTES
    for number in range(50):
        commit(store, number)
    assert wal_of(store.path).stat().st_size == WAL_BYTES
    store.close()
    again = SqliteStore(tmp_path / "log.db")
    assert wal_of(again.path).stat().st_size == WAL_BYTES
    again.close()


@pytest.mark.parametrize("commits", [0, 1, 7])
def test_a_kernel_that_died_leaves_every_commit_in_front_of_the_zeros(tmp_path: Path, commits: int) -> None:
    store = SqliteStore(tmp_path / "log.db")
    for number in range(commits):
        commit(store, number)
    left = SqliteStore(copied(store.path, tmp_path / "left"))
    store.close()
    reader = left.reader()
    assert reader.count() == commits
    assert reader.state() == (State("origin", commits, f"note {commits - 1}") if commits else None)
    commit(left, commits)
    assert reader.count() == commits + 1
    reader.close()
    left.close()


def test_a_commit_that_was_torn_is_not_made_whole_by_zeros(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    commit(store, 0)
    before = wal_of(store.path).read_bytes()
    commit(store, 1)
    path = copied(store.path, tmp_path / "left")
    store.close()
    torn = bytearray(wal_of(path).read_bytes())
    last = max(place for place in range(len(torn)) if torn[place] != before[place])
    torn[last - 10 :] = bytes(len(torn) - last + 10)
    wal_of(path).write_bytes(torn)
    left = SqliteStore(path)
    reader = left.reader()
    assert reader.state() == State("origin", 1, "note 0")
    assert reader.row(1) is None
    reader.close()
    left.close()


def test_a_wal_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    commit(store, 0)
    path = copied(store.path, tmp_path / "left")
    store.close()
    used = wal_of(path).read_bytes().rstrip(b"\0")
    wal_of(path).write_bytes(used)
    left = SqliteStore(path)
    assert wal_of(path).stat().st_size == len(used)
    assert left.reader().count() == 1
    left.close()


def test_no_room_is_taken_for_the_wal_where_little_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    low = type(usage)(usage.total, usage.used, 3 * sqlite_store.RESERVE_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: low)
    store = SqliteStore(tmp_path / "log.db")
    assert wal_of(store.path).stat().st_size == 0
    commit(store, 0)
    store.close()
