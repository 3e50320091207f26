"""A target's record refers to a secret that is meant for another system: its token would be sent to a stranger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.things import AddressClass, Target
from infrafabric.keys.vault_content import Use

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

SECRET = "correct-horse-battery-staple"
WITH_SECRET = {
    "secrets: []}": "secrets: [HOUSE_TOKEN]}",
    'state: {read: "GET /state"}': 'state: {read: "GET /state", headers: {X-Token: {secret: HOUSE_TOKEN}}}',
}
PLAN = 'async def plan(self, intent, host):\n    await host.read("state")\n    return Plan()'


async def refer(world: World, house: House, reference: str, tenant: str = "default") -> None:
    target = Target(
        name="house@home",
        tenant=tenant,
        settings={"HOUSE_PORT": str(world.peer.port)},
        secrets={"HOUSE_TOKEN": reference},
        allow_addresses=(AddressClass.LOOPBACK,),
    )
    await house.record(house.operator("1" * 32).target(target, "test"))


@pytest.mark.parametrize("reference", ["vault:PAY_TOKEN", "vault:PAY_TOKEN@former"])
@pytest.mark.parametrize("use", [Use(("bank@live",)), Use(tenant="finance"), Use(("house@home",), "finance")], ids=str)
async def test_it_is_refused_at_admission_and_nothing_is_sent(
    world: World, attackers: Attackers, use: Use, reference: str
) -> None:
    async with world.opened() as house:
        house.vault.set("PAY_TOKEN", "the value before", use)
        house.vault.rotate("PAY_TOKEN", SECRET, int(time.time()) + 60)
        await refer(world, house, reference)
        name = await attackers.install(house, PLAN, **WITH_SECRET)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        recorded = str(house.log.entries(report.action))
    assert report.error is not None and report.error.code is Code.SECRET_NOT_ALLOWED
    assert world.peer.reads == []
    assert "secret.used" not in recorded and SECRET not in recorded


async def test_the_target_that_it_is_meant_for_may(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        house.vault.set("TOKEN", SECRET, Use(("house@home",), "default"))
        await refer(world, house, "vault:TOKEN")
        name = await attackers.install(house, PLAN, **WITH_SECRET)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        kinds = [str(kind) for _, kind, _ in house.log.entries(report.action)]
    assert report.error is None
    assert world.peer.reads == ["/state"]
    assert "secret.used" in kinds


async def test_taking_it_away_counts_for_the_next_action(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        house.vault.set("TOKEN", SECRET)
        await refer(world, house, "vault:TOKEN")
        name = await attackers.install(house, PLAN, **WITH_SECRET)
        ask = world.ask(name, {"lamps": {"hall": True}})
        assert (await house.kernel.act(ask)).error is None
        house.vault.allow("TOKEN", Use(("bank@live",)))
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert report.error is not None and report.error.code is Code.SECRET_NOT_ALLOWED
