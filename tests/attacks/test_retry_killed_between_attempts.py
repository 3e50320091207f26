"""kill -9 between two attempts at one write, and in the middle of the second: nothing happens twice, nothing is lost.

What is asserted is what the *house* saw, not what the kernel says of it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

pytestmark = pytest.mark.timeout(120)
HOUSE = Path(__file__).parents[1] / "support" / "house"
MOMENTS = [(Station.OBSERVED, 1), (Station.INTENDED, 2), (Station.SENT, 2), (Station.OBSERVED, 2)]


async def patient(world: World, folder: Path, product: str) -> str:
    """Install the house's capability under another version whose manifest has a backoff; its name."""
    folder.mkdir()
    (folder / "adapter.py").write_bytes((HOUSE / "adapter.py").read_bytes())
    text = (HOUSE / f"{product}.yaml").read_text()
    text = text.replace(f"house.{product}", f"house.patient_{product}").replace("backoff: []", "backoff: [0.2, 0.2]")
    (folder / "manifest.yaml").write_text(text)
    async with world.opened("operating") as house:
        await world.adopt(house, f"house.patient_{product}", "manifest.yaml", folder)
        await world.grant(house, f"house.patient_{product}")
    return f"house.patient_{product}"


async def killed(world: World, capability: str, intent: dict[str, Any], station: Station, nth: int) -> None:
    arguments = world.command(capability, json.dumps(intent), "apply", station.value, str(nth))
    process = await asyncio.create_subprocess_exec(*arguments, stdout=-1, stderr=-1)
    output, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, (output, errors)


async def what_became(world: World) -> tuple[History, Outcome | None]:
    async with world.opened() as house:
        action = [key for key, value in house.log.facts.scan("action") if value["purpose"] == "apply"][-1]
        history = History.of(action, house.log.entries(action))
        assert (await house.log.audit()).problem == ""
    return history, history.closed.outcome if history.closed else None


@pytest.mark.parametrize(("station", "nth"), MOMENTS)
async def test_a_state_is_looked_at(world: World, tmp_path: Path, station: Station, nth: int) -> None:
    name = await patient(world, tmp_path / "patient", "lamps")
    world.peer.refuses_first = [503]
    await killed(world, name, {"lamps": {"hall": True}}, station, nth)
    sent = len(world.peer.writes)
    assert sent == (1 if nth == 1 or station is Station.INTENDED else 2)
    history, ended = await what_became(world)
    assert len(world.peer.writes) == sent, "recovery wrote"
    assert ended is (Outcome.CONVERGED if world.peer.lamps["hall"] else Outcome.FAILED)
    assert world.peer.lamps["hall"] is (sent == 2)
    assert not history.doubtful


@pytest.mark.parametrize("first", [0, 503])
@pytest.mark.parametrize(("station", "nth"), MOMENTS)
async def test_an_event_under_a_provider_key_happens_once(
    world: World, tmp_path: Path, station: Station, nth: int, first: int
) -> None:
    name = await patient(world, tmp_path / "patient", "chime")
    world.peer.refuses_first = [first]
    await killed(world, name, {"tone": "low"}, station, nth)
    _, ended = await what_became(world)
    assert ended is Outcome.DONE
    assert len(world.peer.rings) == 1 and len(world.peer.keys) == 1, "every attempt carried the same key"
