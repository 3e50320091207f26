"""A revocation unloads what is running and stops before the next write."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from infrafabric.control.changes import adopt
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import revoke_digest, revoke_key
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House


async def revoke(house: House, by_key: bool) -> None:
    trust = house.trusted.trust
    digest = house.registry.resolve("if://capability/house.lamps").digest
    following = (
        revoke_key(trust, house.keystore.public("publisher"), "stolen")
        if by_key
        else revoke_digest(trust, digest, "bad")
    )
    await adopt(house, sign_trust(following, house.keystore.load("root")), "revoke", "test", "1" * 32)


async def test_a_revoked_bundle_stops_before_the_next_write(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.lamps(hall=True, porch=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        await revoke(house, by_key=False)
        world.peer.late.set()
        report = await running
        assert report.error is not None and report.error.code is Code.DIGEST_REVOKED
        assert world.peer.writes == ["POST /lamps/hall"], "the write under way was observed, the next not begun"
        observed = [kind for _, kind, _ in house.log.entries(report.action) if kind is Kind.EFFECT_OBSERVED]
        assert len(observed) == 1
        again = await house.kernel.act(world.lamps(hall=True))
    assert again.error is not None and again.error.code is Code.DIGEST_REVOKED


async def test_a_revoked_key_unloads_all_that_it_signed(world: World) -> None:
    async with world.opened() as house:
        await house.kernel.act(world.lamps(hall=True))
        await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        assert len(house.log.facts.scan("adapter")) == 2
        await revoke(house, by_key=True)
        assert house.log.facts.scan("adapter") == []
        report = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
    assert report.error is not None and report.error.code is Code.KEY_REVOKED
    assert len(world.peer.rings) == 1


async def test_what_waited_for_its_turn_is_not_loaded_again(world: World) -> None:
    world.peer.late = threading.Event()
    async with world.opened() as house:
        running = asyncio.create_task(house.kernel.act(world.lamps(hall=True)))
        await asyncio.to_thread(world.peer.arrived.wait, 10)
        waiting = asyncio.create_task(house.kernel.act(world.lamps("plan", porch=True)))
        await asyncio.sleep(0.05)
        await revoke(house, by_key=False)
        world.peer.late.set()
        first, second = await running, await waiting
        loaded = house.log.find(Query(kind=Kind.ADAPTER_LOADED))
    assert second.error is not None and second.error.code is Code.DIGEST_REVOKED
    assert first.error is not None and first.error.code is Code.DIGEST_REVOKED, "nor does it judge its own work"
    assert len(loaded) == 1
