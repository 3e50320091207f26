"""A capability to ask about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from policies import capability

from infrafabric.kernel.ports import Capability

MakeCapability = Callable[..., Capability]


@pytest.fixture
def make_capability() -> MakeCapability:
    def made(rps: float = 5, burst: int = 10, name: str = "lamp.switch", scopes: tuple[str, ...] = ()) -> Capability:
        return capability(name, rps=rps, burst=burst, scopes=scopes)

    return made
