"""An action has one ending, and it is true: whoever goes away, whatever breaks, and however the world looks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import set_operator_keys

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

ENDINGS = (Kind.ACTION_CLOSED, Kind.ACTION_REFUSED)
SETTLES = {"repeatable: true": "repeatable: true\n    settle_s: 30"}
LAMPS = """
async def plan(self, intent, host):
    lamps = (await host.read("state")).json()["lamps"]
    return Plan([] if lamps["hall"] else [self.on("hall")])
"""


def endings(house: House, action: str) -> list[Kind]:
    return [kind for _, kind, _ in house.log.entries(action) if kind in ENDINGS]


async def gone(house: House) -> None:
    """Return when no action is under way."""
    while house.kernel._under_way:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05])
async def test_a_caller_who_goes_away_at_any_time(world: World, pause: float) -> None:
    async with world.opened() as house:
        await house.kernel.act(world.lamps("plan", hall=True))
        task = asyncio.create_task(house.kernel.act(world.lamps(hall=True)))
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.wait([task])
        await gone(house)
        for action, _ in house.log.facts.scan("action"):
            assert len(endings(house, action)) == 1
        assert house.log.facts.scan("open") == []


async def test_a_caller_who_goes_away_from_an_event_that_nobody_answers(world: World) -> None:
    world.peer.late = threading.Event()
    world.peer.hang_up = True
    async with world.opened() as house:
        task = asyncio.create_task(house.kernel.act(world.ask("house.bell", {"tone": "low"})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        task.cancel()
        world.peer.late.set()
        await asyncio.wait([task])
        await gone(house)
        action = house.log.facts.scan("action")[-1][0]
        assert endings(house, action) == [], "the bell may have rung: only a person can say"
        assert house.log.facts.get("open", action) is not None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(500, Outcome.IN_DOUBT), (502, Outcome.IN_DOUBT), (504, Outcome.IN_DOUBT), (422, Outcome.FAILED)],
)
async def test_an_event_whose_no_says_little(world: World, status: int, outcome: Outcome) -> None:
    """A gateway's 5xx does not say that the bell did not ring; who is told `failed` rings again."""
    world.peer.refuses = status
    async with world.opened() as house:
        report = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        still_open = house.log.facts.get("open", report.action) is not None
    assert report.outcome is outcome and still_open is (outcome is Outcome.IN_DOUBT)


async def test_a_house_that_burns_down_while_a_change_settles(world: World, attackers: Attackers) -> None:
    (world.home.root / "infrafabric.toml").write_text("[actions]\nread_runs = 3\n")
    async with world.opened() as house:
        name = await attackers.install(house, LAMPS, **SETTLES)
        world.peer.deaf = True
        reads = world.peer.read
        seen = 0

        def once(path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
            nonlocal seen
            seen += 1
            return reads(path, query) if seen == 1 else (500, {})

        world.peer.read = once  # type: ignore[method-assign]
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is not Code.INTERNAL


async def test_a_violation_is_on_record_however_the_world_looks_afterwards(world: World, attackers: Attackers) -> None:
    greedy = """
async def apply(self, plan, host, dry_run=False):
    await host.perform("change-1")
    await host.perform("change-9")
"""
    async with world.opened() as house:
        name = await attackers.install(house, LAMPS + greedy)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        state = house.log.facts.get("state", report.action)
    assert world.peer.lamps["hall"] is True
    assert report.outcome is Outcome.FAILED and state is not None
    assert state["code"] == Code.CHANGE_UNKNOWN.value


async def test_an_operator_who_was_removed_meanwhile(world: World) -> None:
    from infrafabric.control.changes import adopt
    from infrafabric.keys.signing import SigningKey

    world.peer.late = threading.Event()
    async with world.opened() as house:
        task = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        other = set_operator_keys(house.trusted.trust, [SigningKey.generate().public])
        await adopt(house, sign_trust(other, house.keystore.load("root")), "operators", "test", "1" * 32)
        world.peer.late.set()
        report = await task
    assert report.error is not None and report.error.code is Code.AUTHORITY_CHANGED
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_revoked_talent_gets_no_old_report_by_its_key(world: World) -> None:
    from infrafabric.kernel.words.names import new_trace_id
    from infrafabric.kernel.words.things import Talent

    async with world.opened() as house:
        ask = world.ask("house.bell", {"tone": "low"}, idempotency_key="k")
        await house.kernel.act(ask)
        operator = house.operator(new_trace_id())
        await house.record(operator.talent(Talent(id=ask.talent), "test", "revoked"))
        with pytest.raises(FabricError) as refusal:
            await house.kernel.act(ask)
    assert refusal.value.code is Code.TALENT_REVOKED


async def test_made_up_talents_fill_a_row_and_not_the_memory(world: World) -> None:
    async with world.opened() as house:
        for number in range(3_000):
            with pytest.raises(FabricError):
                await house.kernel.act(world.ask("house.bell", {"tone": "x"}, talent=f"if://agent/Nobody{number}"))
        assert len(house.kernel.parts.refused) <= 1_001
    async with world.opened("reading") as house:
        last = house.reading.entry(house.reading.size - 1)
        assert last.parsed.kind == Kind.KERNEL_STOPPED


async def test_a_key_is_free_again_when_nothing_was_sent_and_later_may_do(world: World) -> None:
    ask = world.ask("house.lamps", {"lamps": {"hall": True}}, idempotency_key="k")
    async with world.opened() as house:
        await world.move(house, 9)
        refused = await house.kernel.act(ask)
        assert refused.error is not None and refused.error.code is Code.TARGET_UNREACHABLE
        await world.move(house, world.peer.port)
        done = await house.kernel.act(ask)
    assert done.outcome is Outcome.CONVERGED
