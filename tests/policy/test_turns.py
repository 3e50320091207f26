from __future__ import annotations

import random
from collections import Counter

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.turns import Turns


async def settled() -> None:
    """Let every task run until all of them wait."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


async def test_one_after_the_other_in_order_of_asking() -> None:
    turns, order, inside = Turns(100), [], 0

    async def act(number: int) -> None:
        nonlocal inside
        async with turns.turn("lamp@hall", 1):
            inside += 1
            assert inside == 1
            order.append(number)
            await anyio.lowlevel.checkpoint()
            inside -= 1

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(act, number)
    assert order == sorted(order)
    assert len(order) == 20


async def test_targets_do_not_wait_for_each_other() -> None:
    turns = Turns(100)
    with anyio.fail_after(5):
        async with turns.turn("lamp@hall", 1), turns.turn("lamp@attic", 1):
            assert (turns.holders("lamp@hall"), turns.holders("lamp@attic")) == (1, 1)
    assert (turns.holders("lamp@hall"), turns.waiters("lamp@hall")) == (0, 0)


async def test_a_holder_that_wants_to_be_alone_is_alone() -> None:
    turns, entered = Turns(100), anyio.Event()

    async def many() -> None:
        async with turns.turn("lamp@hall", 5):
            entered.set()

    async with anyio.create_task_group() as group:
        async with turns.turn("lamp@hall", 1):
            group.start_soon(many)
            await settled()
            assert not entered.is_set()
        await settled()
        assert entered.is_set()


async def test_who_wants_to_be_alone_is_not_passed_by() -> None:
    turns, order = Turns(100), []
    leave = anyio.Event()

    async def act(name: str, limit: int) -> None:
        async with turns.turn("lamp@hall", limit):
            order.append(name)
            if name == "first":
                await leave.wait()

    async with anyio.create_task_group() as group:
        for name, limit in (("first", 5), ("alone", 1), ("late", 5)):
            group.start_soon(act, name, limit)
            await settled()
        assert order == ["first"]
        leave.set()
    assert order == ["first", "alone", "late"]


async def test_beyond_the_bound_it_is_busy() -> None:
    now = 0.0
    turns = Turns(waiting=2, clock=lambda: now)
    leave = anyio.Event()

    async def act() -> None:
        async with turns.turn("lamp@hall", 1):
            await leave.wait()

    async with turns.turn("lamp@hall", 1):
        now = 10.0
        async with anyio.create_task_group() as group:
            group.start_soon(act)
            group.start_soon(act)
            await settled()
            with pytest.raises(FabricError) as refusal:
                async with turns.turn("lamp@hall", 1):
                    pytest.fail("entered")
            assert refusal.value.code is Code.BUSY
            assert refusal.value.retry_after == 1.0
            group.cancel_scope.cancel()
        assert (turns.holders("lamp@hall"), turns.waiters("lamp@hall")) == (1, 0)


async def test_how_long_to_wait_is_guessed_from_how_long_turns_last() -> None:
    now = 0.0
    turns = Turns(waiting=2, clock=lambda: now)

    async def act() -> None:
        async with turns.turn("lamp@hall", 1):
            await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        async with turns.turn("lamp@hall", 1):
            group.start_soon(act)
            await settled()
            now = 30.0
        for _ in range(2):
            group.start_soon(act)
        await settled()
        assert (turns.holders("lamp@hall"), turns.waiters("lamp@hall")) == (1, 2)
        with pytest.raises(FabricError) as refusal:
            async with turns.turn("lamp@hall", 1):
                pytest.fail("entered")
        group.cancel_scope.cancel()
    assert refusal.value.retry_after == 60.0


async def test_an_error_inside_gives_the_turn_back() -> None:
    turns = Turns(100)
    with pytest.raises(RuntimeError):
        async with turns.turn("lamp@hall", 1):
            raise RuntimeError
    with anyio.fail_after(5):
        async with turns.turn("lamp@hall", 1):
            pass


async def test_who_is_cancelled_while_being_let_in_passes_the_turn_on() -> None:
    """Granted and cancelled in the same step of the loop: the turn must not be lost."""
    turns, entered = Turns(100), anyio.Event()

    async def unlucky(scope: anyio.CancelScope) -> None:
        with scope:
            async with turns.turn("lamp@hall", 1):
                pytest.fail("entered")

    async def next_one() -> None:
        async with turns.turn("lamp@hall", 1):
            entered.set()

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        async with turns.turn("lamp@hall", 1):
            group.start_soon(unlucky, scope)
            await settled()
            group.start_soon(next_one)
            await settled()
            scope.cancel()
        with anyio.fail_after(5):
            await entered.wait()
    assert turns.holders("lamp@hall") == 0


@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_under_random_cancelling_no_turn_is_lost_and_no_limit_passed(chance: random.Random, limit: int) -> None:
    """Many actions with random limits, some cancelled at random moments: all others get their turn."""
    turns = Turns(1000)
    inside: list[int] = []
    entered: list[int] = []

    async def act(number: int, mine: int, scope: anyio.CancelScope) -> None:
        with scope:
            async with turns.turn("lamp@hall", mine):
                inside.append(mine)
                entered.append(number)
                try:
                    assert len(inside) <= min(inside)
                    for _ in range(chance.randrange(4)):
                        await anyio.lowlevel.checkpoint()
                finally:
                    inside.remove(mine)

    async def run() -> list[int]:
        doomed: list[int] = []
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(30):
                    scope = anyio.CancelScope()
                    group.start_soon(act, number, chance.randint(1, limit), scope)
                    if chance.random() < 0.3:
                        doomed.append(number)
                        for _ in range(chance.randrange(4)):
                            await anyio.lowlevel.checkpoint()
                        scope.cancel()
        return doomed

    doomed = anyio.run(run)
    assert set(range(30)) - set(doomed) <= set(entered)
    if limit == 1:  # where several are let in at once, the order in which they wake says nothing
        assert entered == sorted(entered)
    assert (turns.holders("lamp@hall"), turns.waiters("lamp@hall")) == (0, 0)


async def test_a_limit_below_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="limit"):
        async with Turns(1).turn("lamp@hall", 0):
            pytest.fail("entered")


async def test_a_thousand_asks_of_one_talent_hold_up_another_for_one_turn() -> None:
    turns, order = Turns(2000), []

    async def act(talent: str) -> None:
        async with turns.turn("lamp@hall", 1, talent):
            order.append(talent)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group, turns.turn("lamp@hall", 1, "holder"):
        for _ in range(1000):
            group.start_soon(act, "greedy")
        await settled()
        group.start_soon(act, "modest")
        await settled()
        assert turns.waiters("lamp@hall") == 1001
    assert order.index("modest") == 1
    assert len(order) == 1001


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 3))
def test_no_talent_waits_for_two_turns_of_another(asks: list[int], limit: int) -> None:
    """All ask while the target is held: then they are let in round by round, each talent once a round."""
    turns, order = Turns(1000), []

    async def act(talent: int) -> None:
        async with turns.turn("lamp@hall", limit, str(talent)):
            order.append(talent)
            await anyio.lowlevel.checkpoint()

    async def run() -> None:
        async with anyio.create_task_group() as group, turns.turn("lamp@hall", 1, "holder"):
            for talent in asks:
                group.start_soon(act, talent)
                await anyio.lowlevel.checkpoint()
            await settled()

    anyio.run(run)
    assert sorted(order) == sorted(asks)
    served: Counter[int] = Counter()
    for talent in order if limit == 1 else ():  # side by side, the order in which they wake says nothing
        served[talent] += 1
        waiting = [other for other in set(asks) if served[other] < asks.count(other)]
        assert all(served[other] >= served[talent] - 1 for other in waiting)
    assert (turns.holders("lamp@hall"), turns.waiters("lamp@hall")) == (0, 0)
