"""A value of the vault stands in an intent for a target that refers to no secret: it must not come into the log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from infrafabric.kernel.errors import Code

if TYPE_CHECKING:
    from world import World

SECRET, FORMER = "correct-horse-battery-staple", "tr0ub4dor-and-three"


async def test_it_is_refused_and_not_recorded(world: World) -> None:
    async with world.opened("operating") as house:
        house.vault.set("PAY_TOKEN", FORMER)
        house.vault.rotate("PAY_TOKEN", SECRET, int(time.time()) + 3600)
    async with world.opened() as house:
        for value in (SECRET, FORMER):
            report = await house.kernel.act(world.ask("house.bell", {"tone": value}))
            assert report.error is not None and report.error.code is Code.ARGUMENT_SECRET
            assert value not in str(house.log.entries(report.action))
    assert world.peer.writes == []
    for path in world.home.root.rglob("*.db*"):
        assert SECRET.encode() not in path.read_bytes()
