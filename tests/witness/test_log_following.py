"""Following a log: every row in order, by batches, to its end; pages of it, and reading apart from the loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness.log import FOLLOWED
from infrafabric.witness.store import Query


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_follower_gets_every_row_once_and_ends_with_the_log(bench: Bench) -> None:
    seen: list[int] = []
    async with bench.open() as log:
        await log.append(*(intended("", f"change-{number}") for number in range(1, 300)))

        async def follow() -> None:
            async for rows in log.follow(3):
                assert len(rows) <= FOLLOWED
                seen.extend(row.number for row in rows)

        task = asyncio.create_task(follow())
        for _ in range(5):
            await log.append(intended(""), intended(""))
        while len(seen) < 306:
            await asyncio.sleep(0)
    await task
    assert seen == list(range(3, 309))


async def test_a_span_is_checked_against_the_root(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(*(intended("", f"change-{number}") for number in range(1, 10)))
        assert [row.number for row in log.span(2, 5)] == [2, 3, 4]
        assert [row.number for row in log.span(7, 100)] == [7, 8]
        assert log.span(9, 12) == []
    bench.sql("UPDATE entry SET body = replace(body, 'cut', 'put') WHERE i = 3")
    async with bench.open() as log:
        with pytest.raises(FabricError) as caught:
            log.span(2, 5)
        assert caught.value.code is Code.LOG_DAMAGED


async def test_pages_of_several_kinds(bench: Bench) -> None:
    actions = [new_action_id() for _ in range(3)]
    async with bench.open() as log:
        for action in actions:
            bench.now += 10
            await log.append(intended(action), closed(action))
        await log.append(*(intended("") for _ in range(2_100)))
        bench.now += 10
        await log.append(closed(actions[0]))

        def found(query: Query) -> list[int]:
            return [entry.index for entry in log.find(query)]

        endings = ("action.closed", "action.refused")
        assert found(Query(kinds=endings)) == [2106, 5, 3, 1]
        assert found(Query(kinds=endings, before=5)) == [3, 1]
        assert found(Query(kinds=endings, before=5, limit=1)) == [3]
        assert found(Query(kinds=endings, until=int((bench.now - 10) * 1000))) == [5, 3, 1]
        assert found(Query(kinds=endings, until=int((bench.now - 30) * 1000))) == [1]
        assert found(Query(before=2, until=int(bench.now * 1000))) == [1, 0]
        assert found(Query(kinds=("action.planned",))) == []


async def test_another_thread_reads_apart(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(intended(""))

        def look() -> int:
            return log.apart().find(Query())[0].index

        assert await asyncio.to_thread(look) == 0
        assert log.pending_bytes == 0
