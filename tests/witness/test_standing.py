from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import project
from infrafabric.kernel.words.entries import Kind, StopChanged
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness import standing
from infrafabric.witness.checkpoint import SignedCheckpoint
from infrafabric.witness.sqlite_reader import SqliteReader
from infrafabric.witness.standing import check_standing

KEY = b"k" * 32


class Counting(SqliteReader):
    """Counts the leaves that it read."""

    read = 0

    def leaves(self, start: int, stop: int) -> Any:
        self.read += stop - start
        return super().leaves(start, stop)


def stop() -> Entry:
    return Entry(Kind.STOP_CHANGED, StopChanged(scope="all", name="", change="set", why="test"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("log_bench.project", project)
    monkeypatch.setattr(standing, "_STEP", 8)
    return Bench(tmp_path)


async def fill(bench: Bench, *entries: Entry) -> SignedCheckpoint:
    async with bench.open() as log:
        await log.append(*entries)
        return log.head


def filler(count: int) -> Iterator[Entry]:
    for _ in range(count // 2):
        action = new_action_id()
        yield intended(action)
        yield closed(action)


def check(bench: Bench, head: SignedCheckpoint, mark: Path | None, key: bytes = KEY) -> int:
    """How many leaves were read."""
    with closing(Counting(bench.database)) as reader:
        check_standing(reader, head, project, key, mark)
        return reader.read


async def test_leaves_are_read_once(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "standing"
    head = await fill(bench, *filler(20), stop(), *filler(9))
    assert check(bench, head, mark) == 29
    assert check(bench, head, mark) == 0
    grown = await fill(bench, *filler(4))
    assert check(bench, grown, mark) == 4
    assert check(bench, grown, None) == 33


async def test_a_mark_of_another_key_or_another_history_is_made_anew(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "standing"
    head = await fill(bench, *filler(20), stop())
    assert check(bench, head, mark, b"x" * 32) == 21
    assert check(bench, head, mark) == 21
    mark.write_bytes(b"")
    assert check(bench, head, mark) == 21
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    theirs = await fill(other, *filler(30))
    assert check(other, theirs, mark) == 9 + 30


async def test_a_stop_taken_out_is_missed_with_and_without_a_mark(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "standing"
    head = await fill(bench, stop(), *filler(20))
    check(bench, head, mark)
    bench.sql("DELETE FROM fact WHERE table_name='stop'")
    bench.sql("DELETE FROM block")
    for kept in (mark, None):
        with pytest.raises(FabricError, match="the fact stop 'all ' is missing") as refused:
            check(bench, head, kept)
        assert refused.value.code is Code.LOG_DAMAGED


async def test_a_leaf_that_is_not_the_trees_is_found(bench: Bench) -> None:
    head = await fill(bench, stop(), *filler(20))
    with closing(sqlite3.connect(bench.database)) as database, database:
        database.execute("UPDATE entry SET leaf=CAST(replace(CAST(leaf AS TEXT), 'stop.', 'grop.') AS BLOB) WHERE i=0")
    with pytest.raises(FabricError, match="the stored leaves do not lead to the checkpoint of size 21"):
        check(bench, head, None)


async def test_a_log_whose_facts_do_not_stand_takes_no_entries(bench: Bench) -> None:
    await fill(bench, stop(), *filler(20))
    bench.sql("DELETE FROM fact WHERE table_name='stop'")
    async with bench.open() as log:
        assert log.stopped is not None and log.stopped.code is Code.LOG_DAMAGED
        with pytest.raises(FabricError, match="the fact stop 'all ' is missing"):
            await log.append(stop())
