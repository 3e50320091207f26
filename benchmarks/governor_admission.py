"""What the governor costs an action, in microseconds: admission by three buckets, and a turn that nobody disputes.

`admit` goes round 100 talents and 20 targets, `refuse` is an ask that a bucket turns away, `turn` takes and gives back
a turn, `crowded` does so while 1,000 others wait; `breaker` is the way of one call through a closed breaker.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import uvloop

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Capability, Entry
from infrafabric.kernel.words.manifest import Effect, Kind, Limits, Manifest
from infrafabric.kernel.words.things import Rate, Talent, Target
from infrafabric.policy.breakers import TargetBreakers
from infrafabric.policy.governor import GovernorLimits, RateGovernor

ROUNDS = 20_000
MUCH = Rate(rps=10_000, burst=10_000)
TALENTS = [Talent(id=f"if://agent/Bench/{number}", rate=MUCH) for number in range(100)]
TARGETS = [Target(name=f"lamp@n{number}", rate=MUCH) for number in range(20)]


class NoFacts:
    def get(self, table: str, key: str) -> Any | None:
        return None

    def stored(self, table: str, key: str) -> bytes | None:
        return None

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return ()


def capability(rps: float, burst: int) -> Capability:
    manifest = Manifest(
        id="if://capability/lamp.switch",
        version="1.0.0",
        summary="Switch a lamp",
        kind=Kind.STATE,
        runtime="python/1",
        entrypoint="adapter.py:Lamp",
        intent={"type": "object", "additionalProperties": False},
        driver="http",
        effects={"look": Effect(read="GET /lamp")},
        limits=Limits(rps=rps, burst=burst),
    )
    return Capability(manifest=manifest, digest="sha256:" + "0" * 64, publisher="bench", files={}, records=())


async def measured(work: Callable[[int], Awaitable[None]]) -> dict[str, float]:
    took = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        await work(number)
        took.append((time.perf_counter() - began) * 1e6)
    return {
        "p50_us": round(statistics.median(took), 2),
        "p99_us": round(statistics.quantiles(took, n=100)[98], 2),
    }


async def measure() -> dict[str, Any]:
    governor, breakers = (
        RateGovernor(GovernorLimits(waiting=10_000, waiting_each=10_000)),
        TargetBreakers(NoFacts(), _unused),
    )
    free, tight = capability(10_000, 10_000), capability(0.01, 1)

    async def admit(number: int) -> None:
        await governor.admit(TALENTS[number % 100], free, TARGETS[number % 20])

    async def refuse(number: int) -> None:
        try:
            await governor.admit(TALENTS[0], tight, Target(name="lamp@tight", rate=MUCH))
        except FabricError:
            return

    async def turn(number: int) -> None:
        async with governor.turn(TARGETS[number % 20].name, 1, TALENTS[number % 100].id):
            pass

    async def call(number: int) -> None:
        async with breakers.calling("if://capability/lamp.switch", TARGETS[number % 20], "trace"):
            pass

    results = {
        "admit": await measured(admit),
        "refuse": await measured(refuse),
        "turn": await measured(turn),
        "breaker": await measured(call),
    }
    async with anyio.create_task_group() as group:

        async def wait(talent: Talent) -> None:
            async with governor.turn("lamp@crowd", 1, talent.id):
                await anyio.sleep_forever()

        for number in range(1_001):
            group.start_soon(wait, TALENTS[number % 100])
        await anyio.sleep(0.1)

        async def crowded(number: int) -> None:
            with anyio.CancelScope() as scope:
                scope.cancel()
                async with governor.turn("lamp@crowd", 1, TALENTS[number % 100].id):
                    raise AssertionError

        results["crowded"] = await measured(crowded)
        group.cancel_scope.cancel()
    return {"benchmark": "governor_admission", **results, "goal": {"admit_p50_us": 50}}


async def _unused(entry: Entry) -> None:
    raise AssertionError(entry)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure()), indent=2))
