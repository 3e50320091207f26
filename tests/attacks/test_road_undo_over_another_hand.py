"""Undo takes back what the action did and nothing else: not another hand's work, not twice, not somewhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, Peer, World

ME = "if://person/operator"
WATCHFUL = """
async def plan(self, intent, host):
    lamps = (await host.read("state")).json()["lamps"]
    changes = []
    if not lamps["hall"]:
        off = Call("switch", {"lamp": "hall", "on": False})
        changes.append(Change("switch", {"lamp": "hall", "on": True}, before=False, after=True, inverse=off))
    return Plan(changes, observed=lamps)
"""


async def test_what_the_adapter_saw_then_and_sees_now(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, WATCHFUL)
        done = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        world.peer.lamps["porch"] = True
        moved = await house.kernel.undo(done.action, ME, "x")
        assert moved.error is not None and moved.error.code is Code.UNDO_MOVED
        world.peer.lamps["porch"] = False
        undone = await house.kernel.undo(done.action, ME, "x")
    assert undone.outcome is Outcome.UNDONE and world.peer.lamps["hall"] is False


async def test_a_change_whose_answer_was_lost_is_taken_back_too(world: World) -> None:
    async with world.opened() as house:
        world.peer.hang_up = True
        done = await house.kernel.act(world.lamps(hall=True))
        world.peer.hang_up = False
        assert done.outcome is Outcome.CONVERGED
        undone = await house.kernel.undo(done.action, ME, "x")
    assert undone.outcome is Outcome.UNDONE and world.peer.lamps["hall"] is False


async def test_half_of_an_action_can_be_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    original = world.peer.write

    def only_the_hall(method: str, path: str, body: dict[str, object], key: str) -> tuple[int, dict[str, object]]:
        return original(method, path, body, key) if path.endswith("hall") else (503, {})

    async with world.opened() as house:
        with monkeypatch.context() as partly:
            partly.setattr(world.peer, "write", only_the_hall)
            half = await house.kernel.act(world.lamps(hall=True, porch=True))
        assert half.outcome is Outcome.FAILED and world.peer.lamps["hall"] is True
        undone = await house.kernel.undo(half.action, ME, "x")
    assert undone.outcome is Outcome.UNDONE and world.peer.lamps["hall"] is False


async def test_two_undos_of_an_event_at_once(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        results = await asyncio.gather(
            *(house.kernel.undo(done.action, ME, "x") for _ in range(2)), return_exceptions=True
        )
    refused = [result for result in results if isinstance(result, FabricError)]
    assert [error.code for error in refused] == [Code.UNDO_IMPOSSIBLE]
    assert world.peer.writes == ["POST /bell", "DELETE /rings/ring_1"]


async def test_an_undo_in_doubt_is_not_begun_again(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        world.peer.hang_up = True
        doubtful = await house.kernel.undo(done.action, ME, "x")
        assert doubtful.outcome is Outcome.IN_DOUBT
        world.peer.hang_up = False
        with pytest.raises(FabricError) as refusal:
            await house.kernel.undo(done.action, ME, "x")
        assert refusal.value.code is Code.UNDO_IMPOSSIBLE
        await house.kernel.close(doubtful.action, Outcome.DONE, ME, "the book says so")
        state = house.log.facts.get("state", doubtful.action)
        assert state is not None and state["state"] == Outcome.UNDONE.value
        with pytest.raises(FabricError):
            await house.kernel.undo(done.action, ME, "x")
    assert world.peer.writes.count("DELETE /rings/ring_1") == 1


async def test_an_undo_at_another_machine(world: World, second_peer: Peer) -> None:
    second_peer.rings["ring_1"] = {"id": "ring_1", "tone": "theirs"}
    async with world.opened() as house:
        done = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        await world.move(house, second_peer.port)
        report = await house.kernel.undo(done.action, ME, "x")
    assert report.error is not None and report.error.code is Code.UNDO_MOVED
    assert second_peer.writes == []
