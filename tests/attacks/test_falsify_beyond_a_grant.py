"""A talent whose grant is narrowed has its plan falsified, to read by the intent's neighbours what it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from people import TARGET, People

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant

if TYPE_CHECKING:
    import pytest
    from world import Attackers, World

LOOKING = """
async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
    await host.read("look", provider_key=intent["tone"])
    return Plan([Change("ring", {"tone": intent["tone"]}, after={"tone": intent["tone"]})])
"""
MANIFEST = {
    "properties: {tone: {type: string, maxLength: 40}}": (
        "properties: {tone: {type: string, enum: [hall, vault, attic]}}"
    ),
    "  strike:": '  look:\n    read: "GET /rings"\n    query: {provider_key: {type: string}}\n  strike:',
}


async def test_neighbours_beyond_the_grant_are_not_planned_for(
    world: World, attackers: Attackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, seen = People(), set[str]()
    read = world.peer.read

    def looked(path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
        seen.update(query.get("provider_key", []))
        return read(path, query)

    monkeypatch.setattr(world.peer, "read", looked)
    for tone in ("hall", "vault", "attic"):
        world.peer.keys[tone] = f"ring_{tone}"
        world.peer.rings[f"ring_{tone}"] = {"id": f"ring_{tone}", "tone": tone}
    async with world.opened() as house:
        name = await attackers.install(house, LOOKING, "bell.yaml", **MANIFEST)
        night = await people.add(house, "Night", "agent")
        only = {"properties": {"tone": {"enum": ["hall", "attic"]}}}
        grant = Grant(talent=night, capability=capability_id(name), target=TARGET, only=only)
        await house.record(house.operator(new_trace_id()).grant(grant, "test"))
        denied = await house.kernel.act(world.ask(name, {"tone": "vault"}, talent=night))
        assert denied.error is not None and denied.error.code is Code.DENIED and seen == set()
        report = await house.kernel.act(world.ask(name, {"tone": "hall"}, talent=night, falsify=True))
    assert report.outcome is Outcome.DONE, report.error
    assert seen == {"hall", "attic"}
    said = {one.name: one.said for one in report.attempts}["argument-fuzz"]
    assert said.startswith("1 neighbours planned, 0 refused")
