"""Whoever sets the clock back does not bring an ended grant back to life: the log's last entry knows better."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import Grant

if TYPE_CHECKING:
    from world import World


async def granted_until_now(world: World) -> str:
    async with world.opened("operating") as house:
        end = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        grant = Grant(talent=OPERATOR, capability=capability_id("house.lamps"), target="house@home", expires=end)
        await house.record(house.operator(new_trace_id()).grant(grant, "until now"))
    return end


async def test_a_step_back_that_the_log_bears_does_not_revive_a_grant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = await granted_until_now(world)
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() - 3)
        assert datetime.fromtimestamp(time.time(), UTC) < datetime.fromisoformat(end)
        async with world.opened() as house:
            report = await house.kernel.act(world.lamps("plan", hall=True))
    assert report.error is not None
    assert report.error.code is Code.DENIED
    assert "grants/expired" in report.error.message
    assert world.peer.reads == []


async def test_with_a_larger_step_back_nothing_starts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await granted_until_now(world)
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() - 3600)
        with pytest.raises(FabricError) as refusal:
            async with world.opened():
                pass
    assert refusal.value.code is Code.LOG_CLOCK
