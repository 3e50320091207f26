"""A person or key that was withdrawn: before it agrees, or between its agreeing and the going on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from people import ASKER, People, asked

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Needs
from infrafabric.keys.signing import SigningKey

if TYPE_CHECKING:
    from world import World


async def test_a_person_who_was_revoked(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        await people.revoke(house, ann)
        with pytest.raises(FabricError) as refused:
            await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        with pytest.raises(FabricError):
            await house.kernel.refuse(waits.action, people.objects(house, waits, ann))
    assert refused.value.code is Code.APPROVAL_INVALID
    assert world.peer.writes == []


@pytest.mark.parametrize("withdrawn", ["person", "key", "role"])
async def test_what_was_withdrawn_since_takes_the_approval_back(world: World, withdrawn: str) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house, Needs(people=2, roles=("director",)))
        ann, ben, cat = [await people.add(house, name, roles=("director",)) for name in ("Ann", "Ben", "Cat")]
        await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
        if withdrawn == "person":
            await people.revoke(house, ann)
        elif withdrawn == "key":
            await people.add(house, "Ann", roles=("director",), key=SigningKey.generate())
        else:
            await people.add(house, "Ann")
        still = await house.kernel.approve(waits.action, people.agrees(house, waits, ben))
        assert still.outcome is Outcome.WAITING and world.peer.writes == []
        done = await house.kernel.approve(waits.action, people.agrees(house, waits, cat))
    assert done.outcome is Outcome.CONVERGED and done.decision is not None
    assert f"agreed to by {ben}, {cat}" in done.decision.reason


async def test_the_asker_was_revoked(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        ann = await people.add(house, "Ann")
        await people.revoke(house, ASKER)
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.TALENT_REVOKED
    assert world.peer.writes == []


async def test_a_person_of_another_tenant(world: World) -> None:
    people = People()
    async with world.opened() as house:
        waits = await people.waiting(world, house)
        eve = await people.add(house, "Eve", tenant="elsewhere")
        given = people.agrees(house, waits, eve)
        with pytest.raises(FabricError) as unknown:
            await house.kernel.approve(waits.action, given)
        assert unknown.value.code is Code.ACTION_UNKNOWN
        with pytest.raises(FabricError, match="another tenant"):
            house.kernel.parts.approvals.check(asked(house, waits.action), given, ())
    assert world.peer.writes == []
