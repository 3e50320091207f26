"""A house that a kernel serves in the test's own process, and the same house as another process has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from world import NOBODY, World

from infrafabric.control.house import House, Mode, open_house
from infrafabric.control.local.door import local_door
from infrafabric.kernel.errors import Code, FabricError

Beside = Callable[..., AbstractAsyncContextManager[House]]


def _fault(error: BaseException, trace: str) -> FabricError:
    return FabricError(Code.INTERNAL, f"{type(error).__name__} under trace {trace}")


@pytest.fixture
async def kernel(world: World) -> AsyncIterator[House]:
    """The house that has the home open."""
    async with world.opened("serving") as house, local_door(house, _fault, 5) as door:
        assert door is not None
        yield house


@pytest.fixture
def beside(world: World, kernel: House) -> Beside:
    """Opens the house as a command does that asks the kernel."""

    @asynccontextmanager
    async def opened(mode: Mode = "acting") -> AsyncIterator[House]:
        async with open_house(world.home, mode, passphrase=NOBODY) as house:
            yield house

    return opened
