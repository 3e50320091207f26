"""An event that is left in doubt is sent again within its provider's window, counted from the first attempt, or never.

Each start of the kernel may try; no attempt makes the window longer, and a stop lets none be made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.control.stop_file import StopFolder, stop_key
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.recovery import recover
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

pytestmark = pytest.mark.timeout(120)
WINDOW_S = 3600


async def in_doubt(world: World, house: House) -> str:
    """Ring under a provider's key, and lose the answer; the action."""
    world.peer.hang_up = True
    report = await house.kernel.act(world.ask("house.chime", {"tone": "low"}))
    assert report.outcome is Outcome.IN_DOUBT
    return report.action


async def recovered_after(house: House, action: str, seconds: float) -> Outcome | FabricError:
    """What recovery makes of the action so many seconds from now on."""
    parts = house.kernel.parts
    clock = parts.now
    parts.now = lambda: clock() + timedelta(seconds=seconds)
    try:
        return (await recover(parts, house.kernel._load))[action]
    finally:
        parts.now = clock


async def test_an_attempt_does_not_make_the_window_longer(world: World) -> None:
    async with world.opened() as house:
        action = await in_doubt(world, house)
    async with world.opened() as house:  # which sends it once more, and is not answered either
        sent = len(world.peer.writes)
        assert sent == 2
        world.peer.hang_up = False
        world.peer.keys.clear()  # the provider forgets its keys
        told = await recovered_after(house, action, WINDOW_S)
        assert isinstance(told, FabricError) and "s are over" in told.message
        assert len(world.peer.writes) == sent
        assert await recovered_after(house, action, WINDOW_S - 60) is Outcome.DONE
        assert len(world.peer.writes) == sent + 1, "within the window it is sent"


async def test_past_the_first_attempts_window_nothing_is_sent(world: World) -> None:
    async with world.opened() as house:
        action = await in_doubt(world, house)
        assert isinstance(await recovered_after(house, action, WINDOW_S - 60), FabricError)
        sent = len(world.peer.writes)
        assert sent == 2
        world.peer.hang_up = False
        world.peer.keys.clear()
        told = await recovered_after(house, action, WINDOW_S)
        assert isinstance(told, FabricError) and "s are over" in told.message
        assert len(world.peer.writes) == sent and len(world.peer.rings) == 1
        history = History.of(action, house.log.entries(action))
        assert history.intended["change-1"].attempt == 2 and not history.ended


async def test_a_stop_lets_no_intention_be_written(world: World) -> None:
    async with world.opened() as house:
        action = await in_doubt(world, house)
    StopFolder(world.home.root).write(stop_key("all"), "set", OPERATOR, "hold everything")
    for _ in range(2):
        async with world.opened() as house:
            kinds = [kind for _, kind, _ in house.log.entries(action)]
            assert kinds.count(Kind.EFFECT_INTENDED) == 1
            assert house.log.facts.get("open", action) is not None
    assert len(world.peer.writes) == 1


async def test_a_second_attempt_that_was_not_sent_says_nothing_of_the_first(world: World) -> None:
    """A kernel dies in the middle of a write; the next one does not reach the target. It is still in doubt."""
    async with world.opened() as house:
        action = await in_doubt(world, house)
        rows = house.log.entries(action)
    at = next(index for index, (_, kind, _) in enumerate(rows) if kind is Kind.EFFECT_OBSERVED)
    (_, _, observed), killed = rows[at], rows[:at]
    assert observed is not None
    index, kind, intended = killed[-1]
    assert kind is Kind.EFFECT_INTENDED and intended is not None
    again = (index + 1, kind, {**intended, "attempt": 2})
    not_sent = (index + 2, Kind.EFFECT_OBSERVED, {**observed, "attempt": 2, "result": "not_sent"})
    assert History.of(action, [*killed, again, not_sent]).uncertain == ["change-1"]
