"""A secret that a caller, an adapter or a peer puts where it does not belong goes no further."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.things import AddressClass, Target

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

SECRET = "correct-horse-battery-staple"
WITH_SECRET = {
    "secrets: []}": "secrets: [HOUSE_TOKEN]}",
    'state: {read: "GET /state"}': 'state: {read: "GET /state", headers: {X-Token: {secret: HOUSE_TOKEN}}}',
    "additionalProperties: {type: boolean}": "additionalProperties: true",
}


async def give_secret(world: World, house: House) -> None:
    house.vault.set("house", SECRET)
    target = Target(
        name="house@home",
        settings={"HOUSE_PORT": str(world.peer.port)},
        secrets={"HOUSE_TOKEN": "vault:house"},
        allow_addresses=(AddressClass.LOOPBACK,),
    )
    await house.record(house.operator("1" * 32).target(target, "test"))


@pytest.mark.parametrize(
    "value", [SECRET, f"x {SECRET} y", base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex()]
)
async def test_in_an_intent(world: World, attackers: Attackers, value: str) -> None:
    async with world.opened() as house:
        await give_secret(world, house)
        plan = "async def plan(self, intent, host):\n    return Plan()"
        name = await attackers.install(house, plan, **WITH_SECRET)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": value}}))
        recorded = str(house.log.entries(report.action))
    assert report.error is not None and report.error.code is Code.ARGUMENT_SECRET
    assert value not in recorded and value not in str(report.error)


async def test_in_a_plan_that_the_guest_guessed(world: World, attackers: Attackers) -> None:
    plan = (
        f'async def plan(self, intent, host):\n    return Plan([Change("switch", {{"lamp": "{SECRET}", "on": True}})])'
    )
    async with world.opened() as house:
        await give_secret(world, house)
        name = await attackers.install(house, plan, **WITH_SECRET)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        recorded = str(house.log.entries(report.action))
    assert report.error is not None and report.error.code is Code.ARGUMENT_SECRET
    assert world.peer.writes == [] and SECRET not in recorded


async def test_in_a_reason(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        await give_secret(world, house)
        name = await attackers.install(house, "async def plan(self, intent, host):\n    return Plan()", **WITH_SECRET)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}, why=f"because {SECRET}"))
        recorded = str(house.log.entries(report.action))
    assert report.error is None
    assert SECRET not in recorded and "because" in recorded


async def test_in_an_ask_that_is_refused_before_the_secret_was_opened(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        await give_secret(world, house)
        name = await attackers.install(house, "async def plan(self, intent, host):\n    return Plan()", **WITH_SECRET)
        await world.grant(house, name, "revoked")
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": SECRET}}))
        recorded = str(house.log.entries(report.action))
    assert report.error is not None and report.error.code is Code.NOT_GRANTED
    assert SECRET not in recorded


async def test_in_an_idempotency_key(world: World, attackers: Attackers) -> None:
    async with world.opened() as house:
        await give_secret(world, house)
        name = await attackers.install(house, "async def plan(self, intent, host):\n    return Plan()", **WITH_SECRET)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}, idempotency_key=SECRET))
        recorded = str(house.log.entries(report.action))
    assert report.error is not None and report.error.code is Code.ARGUMENT_SECRET
    assert SECRET not in recorded
