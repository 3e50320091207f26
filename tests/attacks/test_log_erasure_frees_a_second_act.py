"""Erasing what an entry says must not permit again what the entry protected against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

ME = "if://person/operator"
KEY = "monday-4711"


async def erase_all(house: House, action: str) -> None:
    for found in house.log.find(Query(action=action)):
        await house.log.erase(found.index, "asked for", ME)


async def refused_twice(world: World, house: House, done: str) -> None:
    with pytest.raises(FabricError) as undo:
        await house.kernel.undo(done, ME, "again")
    assert undo.value.code is Code.UNDO_IMPOSSIBLE
    assert "undone already" in undo.value.message


async def test_an_erased_undo_is_not_done_again(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.lamps(hall=True))
        undone = await house.kernel.undo(done.action, ME, "a slip")
        assert undone.outcome is Outcome.UNDONE
        await erase_all(house, undone.action)
        await refused_twice(world, house, done.action)
        await house.log.rebuild_facts()
        await refused_twice(world, house, done.action)
        assert (await house.log.audit_all()).problem == ""
    async with world.opened() as house:
        await refused_twice(world, house, done.action)


async def test_an_erased_idempotency_key_acts_once(world: World) -> None:
    ask = world.ask("house.lamps", {"lamps": {"hall": True}}, idempotency_key=KEY)
    async with world.opened() as house:
        done = await house.kernel.act(ask)
        await erase_all(house, done.action)
        for _ in range(2):
            with pytest.raises(FabricError) as caught:
                await house.kernel.act(ask)
            assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
            await house.log.rebuild_facts()
        assert (await house.log.audit_all()).problem == ""
        other = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": False}}, idempotency_key="other"))
        assert other.outcome is Outcome.CONVERGED
        accounts = house.log.find(Query(kind="body.erased"))
        assert not any(KEY in str(account.body) for account in accounts)
