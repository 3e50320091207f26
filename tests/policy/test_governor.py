from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Capability, Governor
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.governor import RateGovernor

AGENT = Talent(id="if://agent/Studio.Agent")
HALL, ATTIC = Target(name="lamp@hall"), Target(name="lamp@attic")


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


async def refusal_of(governor: Governor, capability: Capability, target: Target = HALL) -> FabricError:
    with pytest.raises(FabricError) as refusal:
        await governor.admit(AGENT, capability, target)
    return refusal.value


async def test_beyond_the_burst_it_is_limited_until_the_rate_allows(
    make_capability: Callable[..., Capability],
) -> None:
    clock = Clock()
    governor = RateGovernor(clock=clock)
    capability = make_capability(rps=2, burst=3)
    for _ in range(3):
        await governor.admit(AGENT, capability, HALL)
    refusal = await refusal_of(governor, capability)
    assert (refusal.code, refusal.retry_after) == (Code.RATE_LIMITED, 0.5)
    assert "lamp.switch on lamp@hall" in refusal.message
    clock.now += 0.5
    await governor.admit(AGENT, capability, HALL)
    await refusal_of(governor, capability)


async def test_each_capability_and_target_has_its_own_rate(make_capability: Callable[..., Capability]) -> None:
    governor = RateGovernor(clock=Clock())
    await governor.admit(AGENT, make_capability(burst=1), HALL)
    await refusal_of(governor, make_capability(burst=1))
    await governor.admit(AGENT, make_capability(burst=1), ATTIC)
    await governor.admit(AGENT, make_capability(burst=1, name="lamp.dimmer"), HALL)


async def test_asking_as_another_talent_does_not_help(make_capability: Callable[..., Capability]) -> None:
    governor = RateGovernor(clock=Clock())
    await governor.admit(Talent(id="if://agent/Another"), make_capability(burst=1), HALL)
    await refusal_of(governor, make_capability(burst=1))


async def test_a_new_version_with_other_limits_starts_no_fresh_bucket(
    make_capability: Callable[..., Capability],
) -> None:
    governor = RateGovernor(clock=Clock())
    await governor.admit(AGENT, make_capability(rps=1, burst=1), HALL)
    assert (await refusal_of(governor, make_capability(rps=4, burst=9))).retry_after == 0.25


async def test_turns_are_bounded_by_its_settings() -> None:
    governor: Governor = RateGovernor(waiting=0)
    with anyio.fail_after(5):
        async with governor.turn("lamp@hall", 1):
            with pytest.raises(FabricError) as refusal:
                async with governor.turn("lamp@hall", 1):
                    pytest.fail("entered")
    assert refusal.value.code is Code.BUSY
