"""Waiting between two looks: by the clock alone, or until the target tells of a change."""

from __future__ import annotations

import asyncio

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hearing import pause
from infrafabric.kernel.parts import Halt


class Told:
    """Signals that come when told, or break."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.breaks = False

    async def wait(self) -> None:
        if self.breaks:
            raise FabricError(Code.TARGET_UNREACHABLE, "the connection is gone")
        await self.event.wait()
        self.event.clear()


class Clock:
    """How long `pause` took, by the loop's clock."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()

    @property
    def passed(self) -> float:
        return self.loop.time() - self.began


async def test_without_signals_the_time_passes() -> None:
    clock = Clock()
    await pause(0.05, None, 0.01, Halt())
    assert clock.passed >= 0.049


async def test_a_signal_ends_the_wait() -> None:
    told, clock = Told(), Clock()
    clock.loop.call_later(0.02, told.event.set)
    async with asyncio.timeout(5):
        await pause(30, told, 0.001, Halt())
    assert clock.passed >= 0.019


async def test_what_was_told_before_the_wait_counts() -> None:
    told = Told()
    told.event.set()
    async with asyncio.timeout(5):
        await pause(30, told, 0.001, Halt())
    assert not told.event.is_set()


async def test_a_peer_that_tells_all_the_time_is_not_looked_at_all_the_time() -> None:
    told, clock = Told(), Clock()
    told.event.set()
    await pause(30, told, 0.05, Halt())
    assert clock.passed >= 0.049


@pytest.mark.parametrize("least", [0.01, 1.0])
async def test_signals_that_break_leave_the_clock(least: float) -> None:
    told, clock = Told(), Clock()
    told.breaks = True
    await pause(0.05, told, least, Halt())
    assert 0.049 <= clock.passed < 1


async def test_silence_ends_with_the_time() -> None:
    clock = Clock()
    await pause(0.05, Told(), 0.01, Halt())
    assert clock.passed >= 0.049
