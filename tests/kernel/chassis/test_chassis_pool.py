"""Seats and workers under disorder: slow worlds, cancelled runs, workers that die, more runs than seats."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from typing import Any

import pytest
from sandbox import planning, program, settings

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

SOURCE = planning("""
seen = []
for n in range(intent["reads"]):
    seen.append((await host.read("n", n=n)).value)
return Plan(note=repr(seen))
""")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to kill with")
@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_happens_runs_end_right_or_by_name_and_no_seat_is_lost(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    programs = [program(SOURCE, publisher=f"publisher-{n}") for n in range(3)]

    async def slowly(request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(chance.choice((0, 0, 0.005, 0.06)))
        return {"ok": request["args"]["n"]}

    small = settings(workers=2, spares=1, seats=3, preload=1, evict_after_s=0.03, recycle_after=40)
    async with await Chassis.start(small) as chassis:
        await asyncio.gather(*(chassis.load(made) for made in programs))

        async def one(number: int) -> str:
            reads = chance.randrange(4)
            try:
                run = await chassis.run(
                    chance.choice(programs), "plan", {"intent": {"reads": reads}}, seed=number, perform=slowly
                )
            except FabricError as error:
                assert error.code is Code.SANDBOX_CRASHED
                return "crashed"
            assert run.done["note"] == repr(list(range(reads)))
            return "done"

        runs = [asyncio.ensure_future(one(number)) for number in range(300)]

        async def disturb() -> None:
            for _ in range(6):
                await asyncio.sleep(0.08)
                for run in chance.sample(runs, 5):
                    run.cancel()
                if chassis.pids:
                    os.kill(chance.choice(chassis.pids), signal.SIGKILL)

        disturbing = asyncio.ensure_future(disturb())
        ended = await asyncio.gather(*runs, return_exceptions=True)
        await disturbing
        assert {"done", "crashed"} >= {end for end in ended if isinstance(end, str)}
        assert all(isinstance(end, (str, asyncio.CancelledError)) for end in ended)
        assert ended.count("done") > 200
        assert len(chassis._pool._seats) == 0
        assert len(chassis._pool._queue) == 0
        assert all(worker.seats == 0 for worker in chassis._pool._workers)
        pids = chassis.pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
