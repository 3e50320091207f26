"""The guest's apply of an action that was refused or failed midway is on record, and replays as far as it came."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.words.entries import GuestRun, Kind
from infrafabric.kernel.words.things import AddressClass, Target

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

PLAN = """
async def plan(self, intent, host):
    return Plan([self.on("hall"), self.on("porch")])
"""
HEAD = "async def apply(self, plan, host, dry_run=False):\n"
PERFORM = '    await host.perform("change-1")\n'
ORDERED = HEAD + PERFORM + '    await host.perform("change-2")\n'
FIRST: dict[str, Any] = {"perform": "change-1"}


def method(body: str) -> str:
    return PLAN + HEAD + PERFORM + "".join(f"    {line}\n" for line in body.splitlines())


def ran(house: House, action: str) -> GuestRun:
    """The apply run that the action's ending holds."""
    history = History.of(action, house.log.entries(action))
    ending = history.closed or history.refused
    assert ending is not None and ending.apply_run is not None
    run = ending.apply_run
    assert run.result == "" and run.error != ""
    return run


ENDINGS = {
    "a change that the plan does not hold": (
        'await host.perform("change-3")',
        Code.CHANGE_UNKNOWN,
        {"perform": "change-3"},
    ),
    "a change twice": ('await host.perform("change-1")', Code.CHANGE_REPEATED, FIRST),
    "a write as a read": (
        'await host.read("switch", lamp="hall", on=True)',
        Code.EFFECT_NOT_READ,
        {"read": "switch", "args": {"lamp": "hall", "on": True}},
    ),
    "an effect that is not declared": ('await host.read("doors")', Code.EFFECT_UNKNOWN, {"read": "doors", "args": {}}),
    "a wait beyond the limit": ("await host.wait(61)", Code.ADAPTER_PROTOCOL, {"wait": 61}),
    "too many reads": (
        'for _ in range(5000):\n    await host.read("state")',
        Code.SANDBOX_REQUESTS,
        {"read": "state", "args": {}},
    ),
    "a trap": ("1 / 0", Code.ADAPTER_FAILED, None),
    "a refusal of its own": ('raise Refuse("not like this")', Code.ADAPTER_REFUSED, None),
    "all its memory": ("x = bytearray(1 << 30)", Code.SANDBOX_MEMORY, None),
    "its stack": ("def f(): return f()\nf()", Code.SANDBOX_STACK, None),
    "its CPU time": ("while True: pass", Code.SANDBOX_CPU, None),
}


@pytest.mark.parametrize("why", ENDINGS)
async def test_what_the_guest_does_wrong_after_a_write(world: World, attackers: Attackers, why: str) -> None:
    body, code, last = ENDINGS[why]
    async with world.opened() as house:
        name = await attackers.install(house, method(body))
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        assert report.error is not None and report.error.code is code
        run = ran(house, report.action)
        assert run.error == code.value and run.requests[0] == FIRST
        if last is None:
            assert len(run.requests) == len(run.answers)
        else:
            assert run.requests[-1] == last and len(run.answers) == len(run.requests) - 1
        replayed = await house.kernel.replay(report.action)
    assert "apply" in replayed.runs
    assert world.peer.writes == ["POST /lamps/hall"], "a replay writes nothing"


@pytest.mark.parametrize("purpose", ["apply", "dry_run"])
async def test_one_that_is_refused_before_any_write(world: World, attackers: Attackers, purpose: Any) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + HEAD + '    await host.perform("change-3")\n')
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}, purpose))
        kinds = [kind for _, kind, _ in house.log.entries(report.action)]
        assert kinds[-1] is Kind.ACTION_REFUSED
        assert ran(house, report.action).requests == ({"perform": "change-3"},)
        assert (await house.kernel.replay(report.action)).runs == ("plan", "apply")


async def test_a_write_that_the_target_refuses(world: World, attackers: Attackers) -> None:
    world.peer.refuses = 503
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + ORDERED)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        run = ran(house, report.action)
        assert run.error == Code.TARGET_STATUS.value and run.requests == (FIRST,) and len(run.answers) == 1
        await house.kernel.replay(report.action)


async def test_a_write_that_nobody_answers_in_time(world: World, attackers: Attackers) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        name = await attackers.install(house, PLAN + ORDERED, **{"timeout_s: 5": "timeout_s: 0.3"})
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        report = await running
        world.peer.late.set()
        assert report.error is not None
        run = ran(house, report.action)
        assert run.error == Code.TARGET_TIMEOUT.value and run.requests == (FIRST,) and run.answers == ()
        await house.kernel.replay(report.action)


WAITS = 'await host.wait(0.4)\nawait host.perform("change-2")'


async def ended(house: House) -> str:
    """The action that was begun last, once it has an ending."""
    action = str(house.log.facts.scan("action")[-1][0])
    async with asyncio.timeout(10):
        while house.log.entries(action)[-1][1] not in (Kind.ACTION_CLOSED, Kind.ACTION_REFUSED):
            await asyncio.sleep(0.02)
    return action


async def test_a_caller_who_goes_away(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, method(WAITS))
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        action = await ended(house)
        run = ran(house, action)
        assert run.error == Code.INTERRUPTED.value
        assert run.requests == (FIRST, {"wait": 0.4}) and len(run.answers) == 1  # the wait ends at once
        await house.kernel.replay(action)
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_loop_that_ends_under_it(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, method("await host.wait(30)"))
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        await asyncio.sleep(0.3)
        (road,) = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "travel"]
        road.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        action = await ended(house)
        run = ran(house, action)
        assert run.error == Code.INTERRUPTED.value
        assert run.requests == (FIRST, {"wait": 30}) and len(run.answers) == 1
        await house.kernel.replay(action)


async def test_a_worker_that_dies_under_it(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, method("while True: pass"))
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        await asyncio.sleep(0.3)
        for pid in house.kernel.parts.chassis.pids:
            os.kill(pid, signal.SIGKILL)
        report = await running
        assert report.error is not None and report.error.code is Code.SANDBOX_CRASHED
        assert ran(house, report.action).requests == (FIRST,)
        await house.kernel.replay(report.action)


async def test_an_adapter_that_is_withdrawn(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, method(WAITS))
        running = asyncio.create_task(house.kernel.act(world.ask(name, {"lamps": {"hall": True}})))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        await world.grant(house, name, "revoked")
        report = await running
        assert report.error is not None and report.error.code is Code.AUTHORITY_CHANGED
        assert ran(house, report.action).requests[-1] == {"wait": 0.4}
        await house.kernel.replay(report.action)
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_a_secret_that_it_asked_with_is_not_kept(world: World, attackers: Attackers) -> None:
    secret = "correct-horse-battery-staple"
    with_secret = {
        "secrets: []}": "secrets: [HOUSE_TOKEN]}",
        'state: {read: "GET /state"}': 'state: {read: "GET /state", headers: {X-Token: {secret: HOUSE_TOKEN}}}',
    }
    async with world.opened() as house:
        house.vault.set("house", secret)
        settings = {"HOUSE_PORT": str(world.peer.port)}
        target = Target(
            name="house@home", settings=settings, secrets={"HOUSE_TOKEN": "vault:house"},
            allow_addresses=(AddressClass.LOOPBACK,),
        )  # fmt: skip
        await house.record(house.operator("1" * 32).target(target, "test"))
        name = await attackers.install(house, PLAN + HEAD + f"    await host.perform({secret!r})\n", **with_secret)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        history = History.of(report.action, house.log.entries(report.action))
        recorded = str(house.log.entries(report.action))
    assert report.error is not None and report.error.code is Code.CHANGE_UNKNOWN
    assert history.refused is not None and history.refused.apply_run is None
    assert secret not in recorded and secret not in report.error.message


async def test_an_altered_record_of_a_run_cut_short_does_not_replay(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        name = await attackers.install(house, method("1 / 0"))
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        run = ran(house, report.action)
        history = History.of(report.action, house.log.entries(report.action))
        assert history.planned is not None
        from infrafabric.kernel.parts import program_of

        program = program_of(house.registry.resolve(history.planned.capability))
        argument = {"plan": history.planned.plan.as_json(), "intent": {"lamps": {"hall": True}}, "dry_run": False}
        chassis = house.kernel.parts.chassis
        await chassis.replay(program, argument, run)
        for change in (
            {"error": Code.SANDBOX_MEMORY.value},
            {"requests": ()},
            {"requests": ({"perform": "change-2"},)},
            {"requests": (FIRST, FIRST)},
        ):
            with pytest.raises(FabricError) as refusal:
                await chassis.replay(program, argument, run.model_copy(update=change))
            assert refusal.value.code is Code.REPLAY_DIVERGED
