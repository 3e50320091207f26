"""Equal events without a key are one act within the window that their manifest asks for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from world import HOUSE, Attackers, World

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome
from infrafabric.registry.manifest import parse_draft

RING = """
    async def plan(self, intent, host):
        return Plan([Change("ring", {"tone": intent["tone"]})])
"""
WINDOW = {"limits: {rps: 1000,": "limits: {duplicates_s: 60, rps: 1000,"}


async def test_equal_events_are_one_within_the_window(attackers: Attackers) -> None:
    world = attackers.world
    async with world.opened() as house:
        name = await attackers.install(house, RING, "bell.yaml", **WINDOW)
        kernel = house.kernel
        first = await kernel.act(world.ask(name, {"tone": "low"}))
        again = await kernel.act(world.ask(name, {"tone": "low"}))
        other = await kernel.act(world.ask(name, {"tone": "high"}))
        keyed = await kernel.act(world.ask(name, {"tone": "low"}, idempotency_key="k"))
        assert first.outcome is other.outcome is keyed.outcome is Outcome.DONE
        assert again.action == first.action
        assert len({first.action, other.action, keyed.action}) == 3
    assert world.peer.writes == ["POST /bell"] * 3


async def test_side_by_side_they_are_one_too(attackers: Attackers) -> None:
    world = attackers.world
    async with world.opened() as house:
        name = await attackers.install(house, RING, "bell.yaml", **WINDOW)
        reports = await asyncio.gather(*(house.kernel.act(world.ask(name, {"tone": "low"})) for _ in range(20)))
        assert len({report.action for report in reports}) == 1
    assert world.peer.writes == ["POST /bell"]


async def test_past_the_window_it_is_another_act_each_time(attackers: Attackers) -> None:
    world = attackers.world
    async with world.opened() as house:
        name = await attackers.install(house, RING, "bell.yaml", **WINDOW)
        parts = house.kernel.parts
        now = parts.now
        actions = []
        for passed in (0, 61, 30, 62):  # entries are at the true time: the third is within a minute of the second
            parts.now = lambda passed=passed: now() + timedelta(seconds=passed)  # type: ignore[misc]
            actions.append((await house.kernel.act(world.ask(name, {"tone": "low"}))).action)
        assert actions[1] == actions[2]
        assert len(set(actions)) == 3


async def test_without_a_window_each_is_an_act(world: World) -> None:
    async with world.opened() as house:
        reports = [await house.kernel.act(world.ask("house.bell", {"tone": "low"})) for _ in range(2)]
    assert len({report.action for report in reports}) == 2


def test_a_state_has_no_window() -> None:
    text = (HOUSE / "lamps.yaml").read_text()
    assert "limits: {rps: 1000," in text
    with pytest.raises(FabricError) as caught:
        parse_draft(text.replace("limits: {rps: 1000,", WINDOW["limits: {rps: 1000,"]).encode())
    assert caught.value.code is Code.MANIFEST_INVALID
    assert "duplicates_s" in caught.value.message
