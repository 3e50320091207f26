from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Capability, Governor
from infrafabric.kernel.words.things import Rate, Talent, Target
from infrafabric.policy.governor import GovernorLimits, RateGovernor

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
    governor: Governor = RateGovernor(GovernorLimits(waiting=0))
    with anyio.fail_after(5):
        async with governor.turn("lamp@hall", 1):
            with pytest.raises(FabricError) as refusal:
                async with governor.turn("lamp@hall", 1):
                    pytest.fail("entered")
    assert refusal.value.code is Code.BUSY


async def test_a_target_and_a_talent_have_rates_of_their_own(make_capability: Callable[..., Capability]) -> None:
    clock = Clock()
    limits = GovernorLimits(talent=Rate(rps=1, burst=3), target=Rate(rps=1, burst=2))
    governor = RateGovernor(limits, clock=clock)
    for name in ("lamp.switch", "lamp.dimmer"):
        await governor.admit(AGENT, make_capability(name=name), HALL)
    refusal = await refusal_of(governor, make_capability())
    assert refusal.message == "lamp@hall is asked for more than 1 times a second"
    await governor.admit(AGENT, make_capability(), ATTIC)
    refusal = await refusal_of(governor, make_capability(), ATTIC)
    assert refusal.message == "if://agent/Studio.Agent has asked more than 1 times a second"
    assert refusal.retry_after == 1.0


async def test_the_operators_rates_go_before_the_settings(make_capability: Callable[..., Capability]) -> None:
    governor = RateGovernor(GovernorLimits(talent=Rate(rps=1, burst=1), target=Rate(rps=1, burst=1)), clock=Clock())
    hall = HALL.model_copy(update={"rate": Rate(rps=5, burst=3)})
    agent = AGENT.model_copy(update={"rate": Rate(rps=5, burst=2)})
    for _ in range(2):
        await governor.admit(agent, make_capability(), hall)
    with pytest.raises(FabricError, match="if://agent/Studio.Agent has asked more than 5 times"):
        await governor.admit(agent, make_capability(), hall)


async def test_a_refusal_by_one_bucket_takes_from_none(make_capability: Callable[..., Capability]) -> None:
    clock = Clock()
    governor = RateGovernor(GovernorLimits(target=Rate(rps=0.5, burst=1)), clock=clock)
    capability = make_capability(rps=0.1, burst=2)
    await governor.admit(AGENT, capability, HALL)
    for _ in range(100):
        assert (await refusal_of(governor, capability)).retry_after == 2.0
    clock.now += 2
    await governor.admit(AGENT, capability, HALL)


async def test_a_refused_ask_takes_from_its_talent_alone(make_capability: Callable[..., Capability]) -> None:
    governor = RateGovernor(GovernorLimits(talent=Rate(rps=0.5, burst=1)), clock=Clock())
    governor.charge(AGENT)
    with pytest.raises(FabricError) as refusal:
        governor.charge(AGENT)
    assert (refusal.value.code, refusal.value.retry_after) == (Code.RATE_LIMITED, 2.0)
    assert refusal.value.message == "if://agent/Studio.Agent has asked more than 0.5 times a second"
    await governor.admit(Talent(id="if://agent/Another"), make_capability(burst=1), HALL)


async def test_the_longest_of_all_waits_is_told(make_capability: Callable[..., Capability]) -> None:
    clock = Clock()
    governor = RateGovernor(GovernorLimits(target=Rate(rps=10, burst=1)), clock=clock)
    await governor.admit(AGENT, make_capability(rps=0.5, burst=1), HALL)
    refusal = await refusal_of(governor, make_capability(rps=0.5, burst=1))
    assert (refusal.retry_after, refusal.message[:25]) == (2.0, "lamp.switch on lamp@hall ")


async def test_a_rate_that_the_operator_raises_refills_nothing(make_capability: Callable[..., Capability]) -> None:
    governor = RateGovernor(GovernorLimits(talent=Rate(rps=1, burst=1)), clock=Clock())
    await governor.admit(AGENT, make_capability(), HALL)
    agent = AGENT.model_copy(update={"rate": Rate(rps=4, burst=100)})
    with pytest.raises(FabricError) as refusal:
        await governor.admit(agent, make_capability(), HALL)
    assert refusal.value.retry_after == 0.25


async def test_a_talent_that_fills_its_share_of_the_queue_leaves_room_for_others() -> None:
    governor = RateGovernor(GovernorLimits(waiting=10, waiting_each=3))
    entered = anyio.Event()

    async def wait(talent: str) -> None:
        async with governor.turn("lamp@hall", 1, talent):
            if talent == "other":
                entered.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group, governor.turn("lamp@hall", 1, "greedy"):
            for _ in range(3):
                group.start_soon(wait, "greedy")
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(FabricError, match="3 actions of greedy wait for lamp@hall") as refusal:
                async with governor.turn("lamp@hall", 1, "greedy"):
                    pytest.fail("entered")
            assert refusal.value.code is Code.BUSY and refusal.value.retry_after is not None
            group.start_soon(wait, "other")
            await anyio.wait_all_tasks_blocked()
    assert entered.is_set()
