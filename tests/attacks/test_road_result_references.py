"""`$result` along the road: one scalar of an earlier answer that fits the manifest's pattern, or nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind

if TYPE_CHECKING:
    from world import Attackers, World

STATE = {"kind: event": "kind: state"}
PLAN = """
async def plan(self, intent, host):
    return Plan([Change("ring", {{"tone": "low"}}), Change("{effect}", {{"{name}": {value!r}}})])
"""


@pytest.mark.parametrize(
    ("effect", "name", "value"),
    [
        ("strike", "id", {"$result": "change-1#/ring/id"}),  # destructive, and undoes nothing
        ("ring", "tone", {"$result": "change-1#/ring"}),  # an object, not declared
        ("ring", "tone", {"$result": "change-2#/ring/id"}),  # itself
        ("ring", "tone", {"$result": "change-9#/ring/id"}),
        ("ring", "tone", {"$result": ["change-1#/ring/id"]}),
        ("ring", "tone", {"$result": "change-1#/ring/id", "x": 1}),
    ],
)
async def test_a_bad_reference_is_refused_before_anything_is_written(
    world: World, attackers: Attackers, effect: str, name: str, value: Any
) -> None:
    async with world.opened() as house:
        attacker = await attackers.install(
            house, PLAN.format(effect=effect, name=name, value=value), "bell.yaml", **STATE
        )
        report = await house.kernel.act(world.ask(attacker, {"tone": "low"}))
    assert report.error is not None and report.error.code is Code.RESULT_INVALID
    assert world.peer.writes == []


@pytest.mark.parametrize("answer", ["http://evil.example/", "ring_1/../../admin", "", "ring_x"])
async def test_an_answer_that_does_not_match_its_pattern_goes_no_further(
    world: World, attackers: Attackers, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lies(method: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        world.peer.writes.append(f"{method} {path}")
        return 201, {"ring": {"id": answer}}

    monkeypatch.setattr(world.peer, "write", lies)
    reference = {"$result": "change-1#/ring/id"}
    async with world.opened() as house:
        attacker = await attackers.install(
            house, PLAN.format(effect="ring", name="tone", value=reference), "bell.yaml", **STATE
        )
        report = await house.kernel.act(world.ask(attacker, {"tone": "low"}))
        intended = [kind for _, kind, _ in house.log.entries(report.action) if kind is Kind.EFFECT_INTENDED]
    assert world.peer.writes == ["POST /bell"] and len(intended) == 1
    assert report.error is not None and report.error.code is Code.RESULT_INVALID


async def test_a_good_reference_is_resolved_by_the_kernel(world: World, attackers: Attackers) -> None:
    reference = {"$result": "change-1#/ring/id"}
    async with world.opened() as house:
        attacker = await attackers.install(
            house, PLAN.format(effect="ring", name="tone", value=reference), "bell.yaml", **STATE
        )
        await house.kernel.act(world.ask(attacker, {"tone": "low"}))
    assert [ring["tone"] for ring in world.peer.rings.values()] == ["low", "ring_1"]
