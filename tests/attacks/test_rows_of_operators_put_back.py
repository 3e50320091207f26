"""Someone puts older rows back in the database, or takes some out: no log with such facts is opened for work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from people import ASKER, People

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit
from infrafabric.kernel.words.things import Grant

if TYPE_CHECKING:
    from world import World

LAMPS = capability_id("house.lamps")


def run(world: World, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(world.home.log_file)) as database, database:
        return database.execute(statement, values).fetchall()


def rows(world: World, table: str, name: str) -> list[Any]:
    found = run(world, "SELECT * FROM fact WHERE table_name=? AND instr(key, ?)", table, name)
    assert found
    return found


async def refusal(world: World) -> FabricError:
    with pytest.raises(FabricError) as refused:
        async with world.opened():
            pass
    assert refused.value.code is Code.LOG_DAMAGED
    return refused.value


async def test_a_revoked_grant_put_back_is_found(world: World) -> None:
    async with world.opened() as house:
        await People().asker(house)
    granted = rows(world, "grant", ASKER)
    async with world.opened("operating") as house:
        grant = Grant(talent=ASKER, capability=LAMPS, target="house@home")
        await house.record(house.operator(new_trace_id()).grant(grant, "off", "revoked"))
    run(world, "INSERT INTO fact VALUES (?,?,?,?)", *granted[0])
    assert f"grant '{granted[0][1]}'" in (await refusal(world)).message


async def test_a_revoked_talent_put_back_is_found(world: World) -> None:
    people = People()
    async with world.opened() as house:
        await people.asker(house)
    enrolled = rows(world, "talent", ASKER)
    async with world.opened("operating") as house:
        await people.revoke(house, ASKER)
    run(world, "INSERT OR REPLACE INTO fact VALUES (?,?,?,?)", *enrolled[0])
    assert f"talent '{ASKER}'" in (await refusal(world)).message
    async with world.opened("operating") as house:
        with pytest.raises(FabricError) as refused:
            await people.revoke(house, ASKER)
    assert refused.value.code is Code.LOG_DAMAGED


async def budget(world: World) -> Budget:
    value = Budget(subject=f"talent:{OPERATOR}", unit=Unit.REQUESTS, period="day", limit=0)
    async with world.opened("operating") as house:
        await house.record(house.operator(new_trace_id()).budget(value, "test"))
    return value


async def test_a_budget_taken_out_is_missed(world: World) -> None:
    value = await budget(world)
    run(world, "DELETE FROM fact WHERE table_name='budget'")
    assert f"budget '{value.key}' is missing" in (await refusal(world)).message


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE entry SET kind='talent.changed' WHERE kind='budget.changed'", "its kind or action is not the leaf's"),
        ("UPDATE entry SET body=NULL, salt=NULL WHERE kind='budget.changed'", "was never erased"),
    ],
)
async def test_the_entry_hidden_with_the_row_is_missed(world: World, statement: str, said: str) -> None:
    (world.home.root / "infrafabric.toml").write_text("[witness]\ntail_entries = 1\n")  # the last are read anyway
    await budget(world)
    async with world.opened():
        pass
    run(world, "DELETE FROM fact WHERE table_name='budget'")
    run(world, statement)
    assert said in (await refusal(world)).message


async def test_what_an_operator_erased_is_no_damage(world: World) -> None:
    async with world.opened() as house:
        await People().asker(house)
        (granted,) = rows(world, "grant", ASKER)
        await house.log.erase(granted[3], "a request of the person", OPERATOR, new_trace_id())
    async with world.opened() as house:
        assert house.authority.get("grant", granted[1]) is None
        assert (await house.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED
