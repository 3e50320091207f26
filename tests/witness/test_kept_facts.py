"""Facts that the writing process keeps in memory are those of the store, after each thing that may move them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness import facts
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.reading import LogReading

ACTIONS = tuple(new_action_id() for _ in range(3))
STEPS = st.lists(st.tuples(st.sampled_from(["intend", "close", "erase", "rebuild"]), st.integers(0, 2)), max_size=12)


def same(log: WitnessLog, stored: Facts) -> None:
    for action in ACTIONS:
        for table in ("last", "open"):
            assert log.facts.get(table, action) == stored.get(table, action), (table, action)
            for prefix in ("", action[:2], action):
                assert log.facts.scan(table, prefix) == stored.scan(table, prefix), (table, prefix)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_kept_is_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("log"))
    async with _searched("last"), bench.open() as log:
        await log.append(intended(ACTIONS[0], "change-1"))
        reading = LogReading.at(bench.database, bench.key.public.raw)
        try:
            same(log, reading.facts)  # whatever was asked for once is kept
            for step, number in steps:
                if step == "intend":
                    await log.append(intended(ACTIONS[number], "change-1"))
                elif step == "close":
                    await log.append(closed(ACTIONS[number]))
                elif step == "rebuild":
                    await log.rebuild_facts()
                else:
                    with contextlib.suppress(FabricError):  # it was erased before
                        await log.erase(number % log.size, "a test")
                same(log, reading.facts)
        finally:
            await reading.close()


@contextlib.asynccontextmanager
async def _searched(table: str) -> AsyncIterator[None]:
    """Logs that are opened meanwhile also keep what is searched for in the table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "_SEARCHED", frozenset({table}))
        yield


async def test_the_store_is_searched_once(tmp_path: Path) -> None:
    async with _searched("last"), Bench(tmp_path).open() as log:
        await log.append(intended(ACTIONS[0], "change-1"))
        searches = []

        class Counting:
            def __getattr__(self, name: str) -> Any:
                searches.append(name)
                return getattr(log._reader, name)

        log._kept_facts._reader = Counting
        for _ in range(3):
            assert len(log.facts.scan("last")) == 1 and len(log.facts.scan("open")) == 1
        assert len(searches) == 4, "once in what is kept, each time in what is not"
        log.facts.scan("last")[0][1].clear()
        assert log.facts.scan("last")[0][1]


async def test_the_store_is_asked_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(ACTIONS[0], "change-1"))
        first = log.facts.stored("last", ACTIONS[0])
        assert first is not None
        assert log.facts.stored("last", ACTIONS[0]) is first
        await log.append(closed(ACTIONS[0]))
        assert log.facts.stored("last", ACTIONS[0]) != first


async def test_who_alters_what_was_answered_alters_nothing_else(tmp_path: Path) -> None:
    async with Bench(tmp_path).open() as log:
        await log.append(intended(ACTIONS[0], "change-1"))
        answered = log.facts.get("last", ACTIONS[0])
        assert answered is not None
        answered.clear()
        assert log.facts.get("last", ACTIONS[0])
