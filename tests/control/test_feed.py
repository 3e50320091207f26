"""The feed over a bare log: every entry once and in order however streams break, nothing erased, nobody slowed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_bench import Bench, closed, intended

from infrafabric.control.feed import Feed, Follower, Noted, Wanted
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id


def anyone() -> None:
    """Leave that always holds."""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    yield Bench(tmp_path)


async def got(follower: Follower, count: int) -> list[Noted]:
    found: list[Noted] = []
    while len(found) < count:
        more: Sequence[Noted] | None = await follower.wait()
        assert more != (), "the stream ended"
        found += more or ()
    return found


async def test_what_was_erased_is_left_out(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(intended(""), intended("", "change-2"), intended("", "change-3"))
        await log.erase(1, "a test", "if://person/operator", "")
        feed = Feed(log)
        async with feed.follow("default", Wanted(), anyone, after=-1) as follower:
            assert [one.index for one in await got(follower, 3)] == [0, 2, 3]
        feed.close()


async def test_an_observer_that_fails_is_let_go_and_readers_go_on(bench: Bench) -> None:
    seen: list[int] = []

    def failing(noted: Noted) -> None:
        raise ValueError("cannot count that")

    async with bench.open() as log:
        feed = Feed(log)
        feed.observe(failing)
        feed.observe(lambda noted: seen.append(noted.index))
        async with feed.follow("default", Wanted(), anyone) as follower:
            await log.append(intended(""))
            await log.append(intended(""))
            assert [one.index for one in await got(follower, 2)] == [0, 1]
        assert seen == [0, 1]
        assert feed.faults == ["ValueError at entry 0: cannot count that"]


async def test_a_damaged_entry_is_handed_to_nobody(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(*(intended("", f"change-{number}") for number in range(1, 9)))
    bench.sql("UPDATE entry SET body = replace(body, 'cut', 'put') WHERE i = 3")
    async with bench.open() as log:
        feed = Feed(log)
        async with feed.follow("default", Wanted(), anyone, after=-1) as follower:
            with pytest.raises(FabricError) as caught:
                await follower.wait()
        assert caught.value.code is Code.LOG_DAMAGED
        feed.close()


async def test_a_nudge_comes_through_and_takes_nothing_away(bench: Bench) -> None:
    async with bench.open() as log:
        feed = Feed(log)
        async with feed.follow("default", Wanted(), anyone) as follower:
            waiting = asyncio.ensure_future(follower.wait())
            while not feed.has(follower):
                await asyncio.sleep(0)
            follower.nudge()
            assert await waiting is None
            follower.nudge()
            await log.append(intended(""))
            assert [one.index for one in await got(follower, 1)] == [0]


async def test_leave_that_does_not_hold_opens_nothing(bench: Bench) -> None:
    def nobody() -> None:
        raise FabricError(Code.DENIED, "not you")

    async with bench.open() as log:
        feed = Feed(log)
        with pytest.raises(FabricError) as caught:
            feed.follow("default", Wanted(), nobody)
        assert caught.value.code is Code.DENIED


async def test_streams_end_with_the_log(bench: Bench) -> None:
    async with bench.open() as log:
        feed = Feed(log)
        follower = feed.follow("default", Wanted(), anyone)
        waiting = asyncio.ensure_future(follower.wait())
        while not feed.has(follower):
            await asyncio.sleep(0)
    assert await waiting == ()


async def test_the_capability_of_an_action_counts_for_all_its_entries(bench: Bench) -> None:
    async with bench.open() as log:
        feed = Feed(log)
        action = new_action_id()
        wanted = Wanted(capability="if://capability/vmix.switcher")
        async with feed.follow("default", wanted, anyone) as follower:
            await log.append(intended(action), closed(action))
            # This bench's fold keeps no facts of actions: only what says so itself is found.
            assert [one.kind for one in await got(follower, 1)] == ["action.closed"]


Step = st.one_of(st.integers(1, 90), st.sampled_from(["read", "break", "pause"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(Step, min_size=1, max_size=25))
def test_however_a_stream_breaks_it_has_every_entry_once(steps: list[int | str]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder))
            async with bench.open() as log:
                await log.append(intended(""))
                feed = Feed(log)
                follower = feed.follow("default", Wanted(), anyone, after=-1)
                seen: list[int] = []
                for step in steps:
                    if isinstance(step, int):
                        await log.append(*(intended("", f"change-{number}") for number in range(1, step + 1)))
                    elif step == "pause":
                        await asyncio.sleep(0)
                    elif step == "break":
                        async with follower:
                            pass
                        last = seen[-1] if seen else -1
                        follower = feed.follow("default", Wanted(), anyone, after=last)
                    elif len(seen) < log.size:
                        seen += [one.index for one in await follower.wait() or ()]
                while len(seen) < log.size:
                    seen += [one.index for one in await follower.wait() or ()]
                assert seen == list(range(log.size))
                feed.close()

    asyncio.run(run())
