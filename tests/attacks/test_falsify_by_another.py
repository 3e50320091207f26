"""Someone whom a plan that waits is none of the business of has it falsified, so that it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, People, asked, kinds

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report


async def stale(world: World, house: House, people: People) -> Report:
    """A plan that waits, and that an attempt would refute: the house moved."""
    waits = await people.waiting(world, house)
    world.peer.lamps["hall"] = True
    return waits


@pytest.mark.parametrize(
    ("kind", "tenant", "code"),
    [
        ("agent", "default", Code.DENIED),
        ("agent", "other", Code.ACTION_UNKNOWN),
        ("person", "other", Code.ACTION_UNKNOWN),
    ],
)
async def test_who_may_not_end_it_may_not_try_it(world: World, kind: str, tenant: str, code: Code) -> None:
    people = People()
    async with world.opened() as house:
        waits = await stale(world, house, people)
        spy = await people.add(house, "Spy", kind, tenant=tenant)
        reads = len(world.peer.reads)
        with pytest.raises(FabricError) as refused:
            await house.kernel.falsify(waits.action, spy, "I would know")
        assert refused.value.code is code
        assert len(world.peer.reads) == reads
        assert asked(house, waits.action) and "plan.falsified" not in kinds(house, waits.action)


async def test_the_record_names_who_tried(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await stale(world, house, people)
        ann = await people.add(house, "Ann")
        report = await house.kernel.falsify(waits.action, ann, "before the show")
        assert report.outcome is Outcome.REFUSED
        rows = house.log.entries(waits.action)
        falsified = History.of(waits.action, rows).falsified
        assert falsified is not None and (falsified.by, falsified.talent) == (ann, ASKER)
        assert [kind for _, kind, _ in rows][-2:] == [Kind.PLAN_FALSIFIED, Kind.ACTION_REFUSED]
