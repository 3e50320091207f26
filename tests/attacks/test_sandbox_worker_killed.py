"""A worker dies while it runs a guest: that run is lost, the others are not, and another worker takes its place."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import pytest
from sandbox import World, plan, planning, program, settings

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to kill with")

READER = program(planning("a = (await host.read('state')).value\nreturn Plan(note=a)"), publisher="victim")
BUSY = program(planning("await host.read('go')\nsum(range(10**9))\nreturn Plan()"), publisher="victim")


def workers(chassis: Chassis, publisher: str) -> list[int]:
    return [worker.link.pid for worker in chassis._pool._workers if worker.publisher == publisher]


async def test_only_the_run_on_it_is_lost() -> None:
    async with await Chassis.start(settings(workers=1, spares=1, evict_after_s=30)) as chassis:
        await asyncio.gather(chassis.load(READER), chassis.load(BUSY))
        release, asked = asyncio.Event(), asyncio.Semaphore(0)

        async def later(request: dict[str, Any]) -> dict[str, Any]:
            asked.release()
            await release.wait()
            return {"ok": "answered"}

        argument: dict[str, Any] = {"intent": {}}
        patient = [
            asyncio.ensure_future(chassis.run(READER, "plan", argument, seed=1, perform=later)) for _ in range(4)
        ]
        for _ in patient:
            await asked.acquire()
        busy = asyncio.ensure_future(plan(chassis, BUSY))
        await asyncio.sleep(0.2)
        (pid,) = workers(chassis, "victim")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(FabricError) as caught:
            await busy
        assert caught.value.code is Code.SANDBOX_CRASHED
        release.set()
        assert [run.done["note"] for run in await asyncio.gather(*patient)] == ["answered"] * 4
        (other,) = workers(chassis, "victim")
        assert other != pid


async def test_runs_that_had_not_begun_are_moved() -> None:
    async with await Chassis.start(settings(workers=1, spares=1)) as chassis:
        await asyncio.gather(chassis.load(READER), chassis.load(BUSY))
        busy = asyncio.ensure_future(plan(chassis, BUSY))
        await asyncio.sleep(0.1)
        queued = [asyncio.ensure_future(plan(chassis, READER, world=World("ok"))) for _ in range(20)]
        await asyncio.sleep(0.05)
        os.kill(workers(chassis, "victim")[0], signal.SIGKILL)
        ended = await asyncio.gather(busy, *queued, return_exceptions=True)
        assert isinstance(ended[0], FabricError) and ended[0].code is Code.SANDBOX_CRASHED
        assert [run.done["note"] for run in ended[1:] if not isinstance(run, BaseException)] == ["ok"] * 20


async def test_a_spare_that_dies_is_replaced() -> None:
    async with await Chassis.start(settings(workers=2, spares=1)) as chassis:
        os.kill(chassis._pool._spares[0].pid, signal.SIGKILL)
        assert (await plan(chassis, READER, world=World("ok"))).done["note"] == "ok"
