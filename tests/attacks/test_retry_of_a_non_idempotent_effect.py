"""A write that may not be sent twice is sent once, whatever the peer does and however patient the settings are.

The peer counts. What an attacker (or a mistaken author) could try: a generous backoff, a peer that asks for patience,
one that hangs up, and an adapter that asks for the change again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

PATIENT = {"backoff: []": "backoff: [0, 0, 0, 0, 0]"}
RING = """
async def plan(self, intent, host):
    return Plan([Change("ring", {"tone": intent["tone"]}, before=None, after=intent["tone"])])
"""
ON = """
async def plan(self, intent, host):
    return Plan([self.on("hall")])
"""
INSISTS = """
async def apply(self, plan, host, dry_run=False):
    for _ in range(5):
        try:
            await host.perform("change-1")
        except Exception:
            pass
"""


@pytest.mark.parametrize("status", [0, 408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("insists", [False, True])
async def test_an_event_without_a_provider_key_is_sent_once(
    world: World, attackers: Attackers, status: int, insists: bool
) -> None:
    world.peer.refuses_first, world.peer.retry_after = [status], "0"
    async with world.opened() as house:
        name = await attackers.install(house, RING + (INSISTS if insists else ""), "bell.yaml", **PATIENT)
        report = await house.kernel.act(world.ask(name, {"tone": "low"}))
    assert world.peer.writes == ["POST /bell"]
    assert report.outcome in (Outcome.FAILED, Outcome.IN_DOUBT) and not report.retries


@pytest.mark.parametrize("status", [0, 503])
async def test_a_state_that_is_not_repeatable_is_sent_once(world: World, attackers: Attackers, status: int) -> None:
    world.peer.refuses_first = [status]
    async with world.opened() as house:
        name = await attackers.install(house, ON, **PATIENT, **{"    repeatable: true\n": ""})
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert world.peer.writes == ["POST /lamps/hall"] and not report.retries
