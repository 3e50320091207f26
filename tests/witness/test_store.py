"""What every store promises. A further store joins by a further parameter of the fixture `make`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.witness.sqlite_reader import _after
from infrafabric.witness.sqlite_store import SqliteStore
from infrafabric.witness.store import Commit, Erasure, Query, Row, State, Store, StoredFact, StoreFailed

Make = Callable[[], Store]


@pytest.fixture(params=["sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens the same store each time."""
    assert request.param == "sqlite"
    return lambda: SqliteStore(tmp_path / "log.db")


@pytest.fixture
def store(make: Make) -> Iterator[Store]:
    with closing(make()) as store:
        yield store


def row(number: int, action: str = "", trace: str = "", target: str = "t") -> Row:
    return Row(
        number, bytes([number % 256]) * 32, b"leaf%d" % number, "effect.intended", action, trace, "talent", target,
        "cap", "actor", b"s" * 32, b"body%d" % number,
    )  # fmt: skip


def state(size: int) -> State:
    return State("example.com/log", size, f"note {size}")


def test_an_empty_store(store: Store) -> None:
    with closing(store.reader()) as reader:
        assert reader.state() is None
        assert (reader.count(), reader.row(0), list(reader.rows(0, 10)), reader.hashes(0, 0, 5)) == (0, None, [], [])
        assert (reader.fact("a", "b"), reader.facts("a", ""), list(reader.all_facts())) == (None, [], [])
        assert (reader.sequence("x"), reader.erased_keys(3)) == (0, [])


def test_what_is_committed_is_read_also_after_opening_again(make: Make) -> None:
    rows = [row(number, "a" if number % 3 else "b", f"trace{number % 5}") for number in range(600)]
    with closing(make()) as store, closing(store.reader()) as reader:
        store.commit(Commit(state(600), rows, [(8, 0, b"n" * 32), (8, 1, b"m" * 32)], actors=[("x", 7)]))
        assert reader.state() == state(600)
    with closing(make()) as store, closing(store.reader()) as reader:
        assert reader.count() == 600
        assert list(reader.rows(10, 590)) == rows[10:590]
        assert reader.row(599) == rows[599]
        assert reader.hashes(0, 254, 258) == [rows[number].hash for number in range(254, 258)]
        assert reader.hashes(8, 0, 9) == [b"n" * 32, b"m" * 32]
        assert reader.of_action("b") == rows[::3]
        assert reader.of_action("") == []
        assert reader.sequence("x") == 7


def test_searching(store: Store) -> None:
    rows = [row(number, "a" if number == 7 else "", f"trace{number % 700}", f"t{number % 4}") for number in range(2100)]
    store.commit(Commit(state(2100), rows))
    with closing(store.reader()) as reader:

        def numbers(query: Query, first: int = 0) -> list[int]:
            return [found.number for found in reader.find(query, first)]

        assert numbers(Query(trace="trace9")) == [1409, 709, 9]
        assert numbers(Query(trace="trace9"), 700) == [1409, 709]
        assert numbers(Query(trace="trace9", target="t1")) == [1409, 709, 9]
        assert numbers(Query(target="t2", limit=2)) == [2098, 2094]
        assert numbers(Query(action="a")) == [7]
        assert numbers(Query(action="a", trace="trace8")) == []
        assert numbers(Query(talent="actor", limit=1)) == numbers(Query(talent="talent", limit=1)) == [2099]
        assert numbers(Query(kind="nothing")) == []


def test_searching_finds_the_same_in_complete_blocks_and_behind_them(store: Store) -> None:
    rows = [row(number, "", f"trace{number // 3}")._replace(kind=f"k.{number % 1500}") for number in range(3000)]
    for start in range(0, 3000, 700):
        store.commit(Commit(state(min(start + 700, 3000)), rows[start : start + 700]))
    with closing(store.reader()) as reader:
        for number in (0, 5, 1023, 1024, 1499, 1500, 2047, 2048, 2999):
            trace, kind = f"trace{number // 3}", f"k.{number % 1500}"
            same = [other for other in rows[::-1] if other.trace == trace]
            assert reader.find(Query(trace=trace), 0) == same
            assert reader.find(Query(trace=trace, kind=kind), 0) == [rows[number]]
            assert reader.find(Query(kind=kind), 0) == [rows[number % 1500 + 1500], rows[number % 1500]]
            assert reader.find(Query(kind=kind, limit=1), 0) == [rows[number % 1500 + 1500]]
            assert reader.find(Query(kind=kind), 1500) == [rows[number % 1500 + 1500]]
        assert reader.find(Query(kind="k."), 0) == []
        assert reader.find(Query(trace=""), 0) == []


def test_an_erasure_in_a_complete_block_takes_the_trace_from_searches(store: Store) -> None:
    rows = [row(number, "", f"trace{number}") for number in range(1100)]
    store.commit(Commit(state(1100), rows))
    store.commit(Commit(state(1101), [row(1100)], erasures=[Erasure(9, ()), Erasure(1090, ())]))
    with closing(store.reader()) as reader:
        assert reader.find(Query(trace="trace9"), 0) == reader.find(Query(trace="trace1090"), 0) == []
        assert reader.find(Query(trace="trace8"), 0) == [rows[8]]
        assert len(reader.find(Query(kind="effect.intended", limit=1000), 0)) == 1000


def test_a_log_of_the_first_format_is_taken_over(make: Make, tmp_path: Path) -> None:
    rows = [row(number, "a", f"trace{number}") for number in range(2000)]
    with closing(make()) as store:
        store.commit(Commit(state(2000), rows))
    with closing(sqlite3.connect(tmp_path / "log.db")) as old:
        old.executescript(
            "DROP TABLE block; PRAGMA user_version=1; CREATE INDEX entry_kind ON entry(kind);"
            "CREATE INDEX entry_trace ON entry(i >> 10, trace) WHERE trace <> '';"
        )
    with closing(make()) as store, closing(store.reader()) as reader:
        assert reader.find(Query(trace="trace5"), 0) == [rows[5]]
        store.commit(Commit(state(2001), [row(2000, "", "trace5")]))
        assert reader.find(Query(trace="trace5"), 0) == [row(2000, "", "trace5"), rows[5]]


def test_facts_are_set_replaced_and_removed(store: Store) -> None:
    store.commit(Commit(state(1), facts=[StoredFact("t", "k", b"1", 0), StoredFact("t", "k", b"2", 0)]))
    store.commit(Commit(state(2), facts=[StoredFact("t", "l", b"3", 1), StoredFact("u", "k", b"4", 1)]))
    with closing(store.reader()) as reader:
        assert (reader.fact("t", "k"), reader.facts("t", "")) == (b"2", [("k", b"2"), ("l", b"3")])
        store.commit(Commit(state(3), facts=[StoredFact("t", "k", None, 2)]))
        assert reader.facts("t", "") == [("l", b"3")]
        store.replace_facts([StoredFact("v", "x", b"9", 0)])
        assert list(reader.all_facts()) == [StoredFact("v", "x", b"9", 0)]


def test_an_erasure_takes_what_it_names(store: Store) -> None:
    store.commit(
        Commit(state(2), [row(0), row(1)], facts=[StoredFact("t", "k", b"1", 0), StoredFact("t", "l", b"1", 1)])
    )
    store.commit(Commit(state(3), [row(2)], erasures=[Erasure(0, (("t", "k"), ("t", "l")))]))
    with closing(store.reader()) as reader:
        erased = reader.row(0)
        assert erased is not None
        assert erased[:5] == row(0)[:5]
        assert set(erased[5:]) == {None}
        assert reader.row(1) == row(1)
        assert reader.facts("t", "") == [("l", b"1")]
        assert reader.erased_keys(0) == [("t", "k"), ("t", "l")]
    assert store.purge()


def test_a_commit_that_fails_leaves_nothing(store: Store) -> None:
    store.commit(Commit(state(1), [row(0)]))
    with pytest.raises(StoreFailed):
        store.commit(Commit(state(3), [row(1), row(0)], facts=[StoredFact("t", "k", b"1", 1)]))
    with closing(store.reader()) as reader:
        assert (reader.state(), reader.count(), reader.fact("t", "k")) == (state(1), 1, None)
    store.commit(Commit(state(2), [row(1)]))


def test_a_new_origin_forgets_the_actors(store: Store) -> None:
    store.commit(Commit(state(1), [row(0)], actors=[("x", 5), ("y", 6)]))
    store.commit(Commit(state(2), [row(1)], actors=[("x", 1)], forget_actors=True))
    with closing(store.reader()) as reader:
        assert (reader.sequence("x"), reader.sequence("y")) == (1, 0)


keys = st.text(st.characters(blacklist_categories=["Cs"]), max_size=4)


@given(st.lists(keys, max_size=8), keys)
def test_the_bound_of_a_prefix_is_tight(names: list[str], prefix: str) -> None:
    bound = _after(prefix)
    for name in names:
        within = name >= prefix and (bound is None or name < bound)
        assert within == name.startswith(prefix)
