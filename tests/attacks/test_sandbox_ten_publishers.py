"""Ten publishers' adapters in turn on two workers: each is served, and none ever shares a process with another."""

from __future__ import annotations

import asyncio

from sandbox import plan, planning, program, settings

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.chassis.pool import Pool

NAMES = [f"publisher-{n}" for n in range(10)]
SOURCE = planning("await host.read('state')\nreturn Plan(note=intent['who'])")


async def test_each_is_served_and_no_process_serves_two() -> None:
    served: dict[int, set[str]] = {}
    place = Pool._place

    def watched(pool: Pool, publisher: str, run: str, waited: float) -> object:
        seat = place(pool, publisher, run, waited)
        if seat is not None:
            served.setdefault(seat.worker.link.pid, set()).add(publisher)
            assert len(pool._workers) <= 2
        return seat

    async with await Chassis.start(settings(workers=2, spares=1)) as chassis:
        Pool._place = watched  # type: ignore[method-assign, assignment]
        try:
            programs = {name: program(SOURCE, publisher=name) for name in NAMES}
            for name in NAMES * 2:
                assert (await plan(chassis, programs[name], {"who": name})).done["note"] == name
            together = await asyncio.gather(*(plan(chassis, programs[name], {"who": name}) for name in NAMES * 5))
        finally:
            Pool._place = place  # type: ignore[method-assign]
    assert [run.done["note"] for run in together] == NAMES * 5
    assert all(len(publishers) == 1 for publishers in served.values())
    assert len(served) >= len(NAMES)


async def test_one_busy_publisher_does_not_keep_another_out() -> None:
    busy = program(planning("sum(range(200_000))\nreturn Plan()"), publisher="busy")
    other = program(SOURCE, publisher="other")
    async with await Chassis.start(settings(workers=1, spares=1)) as chassis:
        over = asyncio.Event()

        async def keep_busy() -> None:
            while not over.is_set():
                await plan(chassis, busy)

        crowd = [asyncio.ensure_future(keep_busy()) for _ in range(6)]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(20):
            assert (await plan(chassis, other, {"who": "other"})).done["note"] == "other"
        over.set()
        await asyncio.gather(*crowd)
