"""A house that a running kernel has open does what it does in a process of its own."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest
from world import HOUSE, TARGET, World

from infrafabric.control.admitting import Admitted
from infrafabric.control.changes import adopt, give_grace
from infrafabric.control.house import House
from infrafabric.control.local.remote import RemoteHouse
from infrafabric.control.operator import OPERATOR
from infrafabric.control.sequence import Ended, Sequence
from infrafabric.control.steps import read_steps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import AdapterUnloaded, Kind, SecretChanged
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Talent
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import allow, revoke_digest
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    Beside = Callable[..., AbstractAsyncContextManager[House]]


async def test_an_action_goes_its_whole_way(world: World, kernel: House, beside: Beside) -> None:
    passed: list[str] = []
    async with beside() as house:
        assert isinstance(house, RemoteHouse)
        planned = await house.kernel.act(world.lamps("plan", hall=True))
        assert (planned.outcome, world.peer.writes) == (Outcome.PLANNED, [])
        done = await house.kernel.act(world.lamps(hall=True), lambda action, station: passed.append(station.value))
        assert done.outcome is Outcome.CONVERGED
        assert done.receipt == await kernel.log.receipt(done.action)
        assert passed[0] == "received"
        assert passed[-1] == "closed"
        assert {"intended", "observed"} <= set(passed)
        replayed = await house.kernel.replay(done.action)
        assert "plan" in replayed.runs
        undone = await house.kernel.undo(done.action, OPERATOR, "a slip")
        assert undone.outcome is Outcome.UNDONE
        assert await house.kernel.expire() == []
    assert world.peer.lamps["hall"] is False


async def test_refusals_come_back_with_their_codes(world: World, beside: Beside) -> None:
    async with beside() as house:
        with pytest.raises(FabricError) as unknown:
            await house.kernel.undo("01a1fdbc-e9ff-7dbe-8d3f-578e46acbbca", OPERATOR, "x")
        report = await house.kernel.act(world.ask("house.lamps", {"lamps": {"moon": True}}))
        with pytest.raises(FabricError) as over:
            await house.kernel.cancel(report.action, OPERATOR, "x")
        with pytest.raises(FabricError) as away:
            await house.admit(world.ask("house.nothing", {}))
    assert unknown.value.code is Code.ACTION_UNKNOWN
    assert report.outcome is Outcome.REFUSED
    assert report.error is not None
    assert over.value.code is Code.NOT_UNDER_WAY
    assert away.value.code is Code.CAPABILITY_UNKNOWN


async def test_an_event_in_doubt_is_closed(world: World, kernel: House, beside: Beside) -> None:
    world.peer.hang_up = True
    async with beside() as house:
        doubtful = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        assert doubtful.outcome is Outcome.IN_DOUBT
        await house.kernel.close(doubtful.action, Outcome.DONE, OPERATOR, "it rang")
        states = [dict(log.facts.scan("state"))[doubtful.action]["state"] for log in (house.log, kernel.log)]
    assert states == ["done", "done"]


async def test_who_hangs_up_stops_the_action_before_its_next_write(world: World, kernel: House, beside: Beside) -> None:
    received = asyncio.Event()
    # The action cannot write before its turn, which another holds.
    async with beside() as house, kernel.kernel.parts.governor.turn(TARGET, 1):
        asking = asyncio.create_task(house.kernel.act(world.lamps(hall=True), lambda *_: received.set()))
        await received.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        while not all(halt.asked for halt in kernel.kernel._halts.values()):
            await asyncio.sleep(0.01)
    while kernel.kernel.under_way:
        await asyncio.sleep(0.01)
    (state,) = (state for _, state in kernel.log.facts.scan("state"))
    assert (state["state"], state["code"]) == ("refused", Code.INTERRUPTED.value)
    assert world.peer.writes == []


async def test_what_an_operator_changes_holds_in_the_kernel_at_once(
    world: World, kernel: House, beside: Beside
) -> None:
    async with beside("operating") as house:
        await world.grant(house, "house.lamps", "revoked")
    refused = await kernel.kernel.act(world.lamps(hall=True))
    assert refused.error is not None
    assert refused.error.code is Code.NOT_GRANTED
    async with beside("operating") as house:
        await world.grant(house, "house.lamps")
        assert house.authority.scan("grant", f"{OPERATOR} {capability_id('house.lamps')}")
    assert (await kernel.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED


async def test_a_trust_set_holds_in_the_kernel_and_unloads_there(world: World, kernel: House, beside: Beside) -> None:
    assert (await kernel.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED
    digest = kernel.registry.resolve(capability_id("house.lamps")).digest
    async with beside("operating") as house:
        before = house.trusted.trust.version
        trust = revoke_digest(house.trusted.trust, digest, "withdrawn")
        adopted = await adopt(house, sign_trust(trust, house.keystore.load("root")), "revoke", "x", new_trace_id())
        assert adopted.version == before + 1 == house.trusted.trust.version
    assert kernel.trusted.digest == house.trusted.digest
    refused = await kernel.kernel.act(world.lamps(porch=True))
    assert refused.error is not None
    assert refused.error.code is Code.DIGEST_REVOKED
    kinds = [entry.kind for entry in kernel.log.find(Query(limit=5))]
    assert Kind.ADAPTER_UNLOADED.value in kinds


async def test_a_bundle_that_another_process_installed_is_found_when_it_is_allowed(
    world: World, kernel: House, beside: Beside
) -> None:
    async with beside("operating") as house:
        bundle = sign_bundle(HOUSE, "lamps.yaml", house.keystore.load("publisher"))
        manifest = bundle.manifest
        unloaded = AdapterUnloaded(
            talent=OPERATOR, capability=manifest.id, version=manifest.version, adapter=bundle.digest, reason="removed"
        )
        await house.record(Entry(Kind.ADAPTER_UNLOADED, unloaded, actor=OPERATOR))
        house.bundles.remove(bundle.digest)
        await house.refresh()
    refused = await kernel.kernel.act(world.lamps(hall=True))
    assert refused.error is not None
    assert refused.error.code is Code.BUNDLE_MISSING
    async with beside("operating") as house:
        house.bundles.install(bundle)
        trust = allow(house.trusted.trust, manifest.id, manifest.version, bundle.digest)
        await adopt(house, sign_trust(trust, house.keystore.load("root")), "allow", "x", new_trace_id())
    assert (await kernel.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED


async def test_a_grace_covers_what_the_kernel_has_loaded(world: World, kernel: House, beside: Beside) -> None:
    await kernel.kernel.act(world.lamps(hall=True))
    async with beside("operating") as house:
        until = house.trusted.trust.expires_at.replace(microsecond=0)
        given = await give_grace(house, until.replace(year=until.year) + house.longest_grace / 2, "x", new_trace_id())
    assert kernel.grace is not None
    assert kernel.grace.grace == given.grace


async def test_a_secret_is_masked_by_the_kernel_once_it_is_kept(kernel: House, beside: Beside) -> None:
    async with beside("operating") as house:
        body = SecretChanged(talent=OPERATOR, name="KEY", change="set", why="x")
        await house.record(Entry(Kind.SECRET_CHANGED, body, actor=OPERATOR))
        house.vault.set("KEY", "a value of some length")
        await house.refresh()
    assert kernel.redactor.found("it says: a value of some length")


async def test_an_entry_is_erased_in_the_kernels_log(world: World, kernel: House, beside: Beside) -> None:
    done = await kernel.kernel.act(world.lamps(hall=True))
    (received, *_) = kernel.log.entries(done.action)
    async with beside("operating") as house:
        appended = await house.log.erase(received[0], "a name in it", OPERATOR)
        assert house.log.entries(done.action)[0][2] is None
        with pytest.raises(FabricError) as again:
            await house.log.erase(received[0], "a name in it", OPERATOR)
        with pytest.raises(FabricError) as clock:
            await house.log.confirm_clock("it is right", OPERATOR)
    assert appended.index == kernel.log.size - 1
    assert again.value.code is Code.BODY_ERASED
    assert clock.value.code is Code.USAGE


async def test_a_list_of_intents_is_done(world: World, kernel: House, beside: Beside) -> None:
    lines = b'{"steps": [{"capability": "house.lamps", "intent": {"lamps": {"hall": true}}}]}'
    async with beside() as house:
        sequence = Sequence(house, read_steps(lines), OPERATOR, "the test says so", new_trace_id())
        await sequence.run()
    assert sequence.ended is Ended.DONE
    assert world.peer.lamps["hall"] is True


async def test_two_who_change_the_same_at_once_do_not_write_over_each_other(kernel: House, beside: Beside) -> None:
    def named(group: str) -> Talent:
        return Talent(id="if://agent/Twice", groups=(group,))

    async with beside("operating") as one, beside("operating") as other:
        await one.record(one.operator(new_trace_id()).talent(named("a"), "x"))
        with pytest.raises(FabricError) as refused:
            await other.record(other.operator(new_trace_id()).talent(named("b"), "x"))
        await other.record(other.operator(new_trace_id()).talent(Talent(id="if://agent/Another"), "x"))
        await one.record(one.operator(new_trace_id()).talent(named("c"), "x"))
    assert refused.value.code is Code.CHANGED_MEANWHILE
    assert kernel.authority.talent("if://agent/Twice").groups == ("c",)


async def test_what_needs_the_home_to_itself_says_so(world: World, kernel: House) -> None:
    with pytest.raises(FabricError) as refused:
        async with world.opened("alone"):
            pass
    assert refused.value.code is Code.HOME_LOCKED
    assert "serves" in refused.value.message
    assert await _admitted(world, kernel)


async def _admitted(world: World, kernel: House) -> bool:
    found: Admitted = await kernel.admit(world.lamps("plan", hall=True))
    return found.manifest.name == "house.lamps" and found.signals() is None
