"""The clock is set back: new work stops, what is under way is still recorded, time never runs backwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import EffectObserved, KernelStopped, Kind
from infrafabric.kernel.words.names import new_action_id


async def test_new_work_is_refused_and_closing_entries_get_the_last_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    action = new_action_id()
    observed = Entry(Kind.EFFECT_OBSERVED, EffectObserved(change="change-1", effect="cut", result="answered"), action)
    async with bench.open() as log:
        (first,) = await log.append(intended(action))
        bench.now -= 3600
        for entries in [(intended(action),), (closed(action), intended(action))]:
            with pytest.raises(FabricError) as caught:
                await log.append(*entries)
            assert caught.value.code is Code.LOG_CLOCK
        last = await log.append(observed, closed(action))
        stopped = await log.append(Entry(Kind.KERNEL_STOPPED, KernelStopped(reason="clock")))
        assert {appended.at for appended in [*last, *stopped]} == {first.at}
    async with bench.open() as log:
        with pytest.raises(FabricError) as caught:
            await log.append(intended(action))
        assert caught.value.code is Code.LOG_CLOCK
        bench.now += 3601
        (later,) = await log.append(intended(action))
        assert later.at > first.at


async def test_a_small_step_back_is_stamped_with_the_last_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        (first,) = await log.append(intended(""))
        bench.now -= 4.9
        (second,) = await log.append(intended(""))
        assert second.at == first.at
