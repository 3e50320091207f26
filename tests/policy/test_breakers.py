from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import project
from infrafabric.kernel.words.entries import BreakerChanged
from infrafabric.kernel.words.things import Target
from infrafabric.policy.breakers import FAILURES, BreakerLimits, TargetBreakers, _Breaker

SWITCH = "if://capability/lamp.switch"
HALL, ATTIC = Target(name="lamp@hall"), Target(name="lamp@attic")
LIMITS = BreakerLimits(failures=3, open_s=30)


class Ground:
    """Two clocks, a log that can fail, and the facts that its entries project."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.entries: list[BreakerChanged] = []
        self.facts: dict[str, Any] = {}
        self.broken = False

    def pass_s(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += timedelta(seconds=seconds)

    def get(self, table: str, key: str) -> Any | None:
        assert table == "breaker"
        return self.facts.get(key)

    def stored(self, table: str, key: str) -> bytes | None:
        raise NotImplementedError

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        raise NotImplementedError

    async def record(self, entry: Entry) -> None:
        await anyio.lowlevel.checkpoint()
        if self.broken:
            raise FabricError(Code.LOG_STOPPED, "the disk is gone")
        assert isinstance(entry.body, BreakerChanged)
        self.entries.append(entry.body)
        for fact in project(entry, 0, f"{self.wall:%Y-%m-%dT%H:%M:%SZ}"):
            self.facts[fact.key] = fact.value

    def breakers(self, limits: BreakerLimits = LIMITS) -> TargetBreakers:
        return TargetBreakers(self, self.record, limits, monotonic=lambda: self.monotonic, now=lambda: self.wall)

    @property
    def states(self) -> list[str]:
        return [body.state for body in self.entries]


@pytest.fixture
def ground() -> Ground:
    return Ground()


async def call(breakers: TargetBreakers, fails: Code | None = None, target: Target = HALL) -> None:
    async with breakers.calling(SWITCH, target, "trace"):
        if fails is not None:
            raise FabricError(fails, "so it is")


async def refused(breakers: TargetBreakers, target: Target = HALL) -> FabricError | None:
    try:
        await call(breakers, target=target)
    except FabricError as error:
        assert error.code is Code.BREAKER_OPEN
        return error
    return None


async def fail(breakers: TargetBreakers, times: int, code: Code = Code.TARGET_UNREACHABLE) -> None:
    for _ in range(times):
        with pytest.raises(FabricError) as raised:
            await call(breakers, code)
        assert raised.value.code is code, "the call's own error is told"


async def test_so_many_failures_in_a_row_open_it(ground: Ground) -> None:
    breakers = ground.breakers()
    await fail(breakers, 2)
    await call(breakers)
    await fail(breakers, 2)
    await call(breakers)
    assert ground.states == []
    await fail(breakers, 3)
    refusal = await refused(breakers)
    assert refusal is not None and refusal.retry_after == 30.0
    assert refusal.message == (
        "lamp.switch on lamp@hall is cut off for 30 more seconds: 3 calls in a row failed, the last with "
        "IF_ERR_TARGET_UNREACHABLE"
    )
    (opened,) = ground.entries
    assert (opened.state, opened.failures, opened.cause) == ("open", 3, "IF_ERR_TARGET_UNREACHABLE")
    assert (opened.capability, opened.target, opened.until) == (SWITCH, "lamp@hall", "2026-03-01T12:00:30Z")
    assert await refused(breakers, ATTIC) is None, "another target is another matter"


async def test_after_the_time_one_call_that_is_answered_closes_it(ground: Ground) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3)
    ground.pass_s(29.9)
    assert await refused(breakers) is not None
    ground.pass_s(0.1)
    await call(breakers)
    await fail(breakers, 2)
    await call(breakers)
    assert ground.states == ["open", "half_open", "closed"]
    assert ground.facts[f"{SWITCH} lamp@hall"] is None


async def test_a_probe_that_fails_opens_it_for_as_long_again(ground: Ground) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3)
    ground.pass_s(30)
    await fail(breakers, 1, Code.TARGET_TIMEOUT)
    assert ground.states == ["open", "half_open", "open"]
    assert (ground.entries[-1].failures, ground.entries[-1].cause) == (4, "IF_ERR_TARGET_TIMEOUT")
    ground.pass_s(29)
    assert await refused(breakers) is not None
    ground.pass_s(1)
    assert await refused(breakers) is None


@pytest.mark.parametrize("code", sorted(FAILURES))
async def test_what_says_that_the_target_does_not_work_counts(ground: Ground, code: Code) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3, code)
    assert await refused(breakers) is not None


@pytest.mark.parametrize("code", [Code.TARGET_AUTH, Code.ANSWER_TOO_LARGE, Code.REDIRECT_REFUSED])
async def test_a_target_that_answers_works(ground: Ground, code: Code) -> None:
    breakers = ground.breakers()
    await fail(breakers, 2)
    await fail(breakers, 1, code)
    await fail(breakers, 2)
    assert await refused(breakers) is None


@pytest.mark.parametrize("code", [Code.ADDRESS_REFUSED, Code.TARGET_SETTINGS, Code.EFFECT_ARGUMENT, Code.INTERNAL])
async def test_what_never_left_the_kernel_says_nothing(ground: Ground, code: Code) -> None:
    breakers = ground.breakers()
    await fail(breakers, 2)
    await fail(breakers, 9, code)
    assert await refused(breakers) is None
    await fail(breakers, 2)
    await fail(breakers, 9, code)
    await fail(breakers, 1)
    assert await refused(breakers) is not None, "and it does not make good what failed"


async def test_an_answer_that_leaves_open_what_happened_counts_too(ground: Ground) -> None:
    breakers = ground.breakers()
    for _ in range(3):
        async with breakers.calling(SWITCH, HALL, "trace") as failing:
            failing(Code.TARGET_STATUS)
    assert await refused(breakers) is not None
    assert ground.entries[0].cause == "IF_ERR_TARGET_STATUS"


async def test_one_failure_that_is_looked_at_again_and_again_counts_once(ground: Ground) -> None:
    breakers = ground.breakers()
    for known in (False, True, True, True, True):
        with pytest.raises(FabricError):
            async with breakers.calling(SWITCH, HALL, "trace", known=known):
                raise FabricError(Code.TARGET_LOST, "restarting")
    await fail(breakers, 1)
    assert ground.states == []
    await fail(breakers, 1)
    assert ground.states == ["open"], "and it is not forgotten either"
    ground.pass_s(30)
    with pytest.raises(FabricError):
        async with breakers.calling(SWITCH, HALL, "trace", known=True):
            raise FabricError(Code.TARGET_LOST, "restarting")
    assert ground.states == ["open", "half_open", "open"], "the one that tries again speaks for all"


async def test_a_cancelled_probe_neither_closes_nor_opens_it(ground: Ground) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3)
    ground.pass_s(30)
    async with anyio.create_task_group() as group:

        async def probe() -> None:
            async with breakers.calling(SWITCH, HALL, "trace"):
                await anyio.sleep_forever()

        group.start_soon(probe)
        await anyio.wait_all_tasks_blocked()
        assert await refused(breakers) is not None
        group.cancel_scope.cancel()
    assert ground.states == ["open", "half_open"]
    await call(breakers)
    assert ground.states == ["open", "half_open", "closed"]


async def test_calls_that_began_before_it_opened_say_nothing_of_the_probe(ground: Ground) -> None:
    breakers, release = ground.breakers(), anyio.Event()

    async def slow() -> None:
        async with breakers.calling(SWITCH, HALL, "trace"):
            await release.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(slow)
        await anyio.wait_all_tasks_blocked()
        await fail(breakers, 3)
        release.set()
    assert ground.states == ["open"], "an old success does not close it"
    assert await refused(breakers) is not None


async def test_it_is_as_it_was_after_a_restart(ground: Ground) -> None:
    await fail(ground.breakers(), 3)
    ground.pass_s(10)
    again = ground.breakers()
    refusal = await refused(again)
    assert refusal is not None and refusal.retry_after == 20.0
    assert "3 calls in a row failed, the last with IF_ERR_TARGET_UNREACHABLE" in refusal.message
    ground.pass_s(20)
    await call(again)
    assert ground.states == ["open", "half_open", "closed"]
    assert await refused(ground.breakers()) is None


async def test_a_kernel_that_died_while_probing_leaves_the_probe_to_the_next(ground: Ground) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3)
    ground.pass_s(30)
    async with breakers.calling(SWITCH, HALL, "trace"):
        assert ground.states[-1] == "half_open"
        again = ground.breakers()
        await fail(again, 1, Code.TARGET_TIMEOUT)
    assert ground.states[:3] == ["open", "half_open", "open"]
    assert await refused(again) is not None


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
async def test_a_clock_that_was_set_neither_locks_out_nor_lets_in_a_crowd(ground: Ground, jump: timedelta) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3)
    ground.wall += jump
    refusal = await refused(breakers)
    assert refusal is not None and refusal.retry_after == 30.0, "how long it is open goes by a clock that is not set"
    again = ground.breakers()
    refusal = await refused(again)
    assert refusal is None if jump > timedelta(0) else (refusal is not None and refusal.retry_after == 30.0)


async def test_a_log_that_takes_nothing_fails_no_call_and_hears_of_it_later(ground: Ground) -> None:
    breakers = ground.breakers()
    ground.broken = True
    await fail(breakers, 3)
    assert ground.states == [] and await refused(breakers) is not None
    ground.broken = False
    ground.pass_s(30)
    await call(breakers)
    assert ground.states == ["half_open", "closed"]


async def test_forgetting_a_target_believes_the_facts(ground: Ground) -> None:
    breakers = ground.breakers()
    await fail(breakers, 3)
    breakers.forget("lamp@attic")
    assert await refused(breakers) is not None
    ground.facts.clear()
    breakers.forget("lamp@hall")
    assert await refused(breakers) is None


class Machine(RuleBasedStateMachine):
    """Calls that begin and end in any order, while time passes, against what a breaker promises."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = _Breaker(SWITCH, "lamp@hall", BreakerLimits(failures=2, open_s=10), lambda: self.now)
        self.under_way: list[tuple[int, str]] = []

    @rule()
    def begin(self) -> None:
        state, left = self.breaker.state, self.breaker.left
        probing = any(begun == "half_open" for _, begun in self.under_way)
        try:
            turn = self.breaker.enter()
        except FabricError as refusal:
            assert refusal.code is Code.BREAKER_OPEN
            assert refusal.retry_after is not None and refusal.retry_after > 0
            assert state != "closed" and (left > 0 or probing)
        else:
            assert state == "closed" or (left == 0 and not probing)
            self.under_way.append((turn, self.breaker.state))

    @rule(data=st.data(), failed=st.sampled_from([None, Code.TARGET_TIMEOUT]), answered=st.booleans())
    def end(self, data: st.DataObject, failed: Code | None, answered: bool) -> None:
        if not self.under_way:
            return
        turn, begun = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.breaker.state
        self.breaker.leave(turn, failed, answered=answered and failed is None)
        if begun == "half_open":
            assert before == "half_open"
            expected = "open" if failed else "closed" if answered else "half_open"
            assert self.breaker.state == expected
        elif before == "open":
            assert self.breaker.state == "open", "only a probe closes it"

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.9, 10.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def at_most_one_probe(self) -> None:
        assert sum(begun == "half_open" for _, begun in self.under_way) <= 1


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, deadline=None)
