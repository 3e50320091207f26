"""Passkeys that shall speak for others: of another person, revoked, of the asker, shared by two, signed for another
plan, replayed, or of a home that says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from authenticator import PRESENT, Authenticator
from people import ASKER, People, asked, kinds

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import ApprovalGiven
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report


async def enrol(house: House, device: Authenticator, who: str, change: str = "set") -> None:
    tenant = house.authority.talent(who).tenant
    entry = house.operator(new_trace_id()).passkey(device.passkey(who, tenant), "test", change)  # type: ignore[arg-type]
    await house.record(entry)


async def waiting(world: World, house: House, lamp: str = "hall") -> Report:
    return await house.kernel.act(world.ask("house.lamps", {"lamps": {lamp: True}}, talent=ASKER))


async def refused(house: House, report: Report, given: ApprovalGiven) -> str:
    with pytest.raises(FabricError) as caught:
        await house.kernel.approve(report.action, given)
    assert caught.value.code is Code.APPROVAL_INVALID
    assert kinds(house, report.action)[-1] == "action.decided", "nothing was recorded"
    return caught.value.message


async def test_what_is_right(world: World) -> None:
    """A person without any key agrees by passkey, and another plan is refused by one."""
    people, device = People(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        await enrol(house, device, ann)
        report = await waiting(world, house)
        done = await house.kernel.approve(report.action, device.agrees(asked(house, report.action), ann))
        other = await waiting(world, house, "porch")
        denied = await house.kernel.refuse(other.action, device.objects(asked(house, other.action), ann))
    assert done.outcome is Outcome.CONVERGED
    assert denied.error is not None and denied.error.code is Code.APPROVAL_REFUSED
    assert world.peer.writes == ["POST /lamps/hall"]


async def test_signed_by_the_wrong_one(world: World) -> None:
    people, ours, theirs, gone = People(), Authenticator(), Authenticator(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann, ben = await people.add(house, "Ann"), await people.add(house, "Ben")
        await enrol(house, ours, ann)
        await enrol(house, theirs, ben)
        await enrol(house, gone, ann)
        await enrol(house, gone, ann, "revoked")
        report = await waiting(world, house)
        question = asked(house, report.action)
        assert "enrolled" in await refused(house, report, theirs.agrees(question, ann))
        assert "enrolled" in await refused(house, report, gone.agrees(question, ann))
        assert "enrolled" in await refused(house, report, Authenticator().agrees(question, ann))
        good = ours.agrees(question, ann)
        assert good.assertion is not None
        disguised = theirs.agrees(question, ann).assertion
        assert disguised is not None
        own = good.assertion.credential
        worn = good.model_copy(update={"assertion": disguised.model_copy(update={"credential": own})})
        assert "another key" in await refused(house, report, worn)
        dressed = good.assertion.model_copy(update={"signature": disguised.signature})
        assert "does not hold" in await refused(house, report, good.model_copy(update={"assertion": dressed}))
        both = good.model_copy(update={"key": str(people.keys[ann].public)})
        assert "at once" in await refused(house, report, both)
        source = good.model_copy(update={"source": report.action})
        assert "at once" in await refused(house, report, source)
    assert world.peer.writes == []


async def test_signed_for_something_else(world: World) -> None:
    people, device = People(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        await enrol(house, device, ann)
        first, second = await waiting(world, house), await waiting(world, house, "porch")
        signed = device.agrees(asked(house, first.action), ann)
        question = asked(house, second.action)
        assert "another question" in await refused(house, second, signed)
        dressed = signed.model_copy(update={"nonce": question.pending.nonce, "context_digest": question.context_digest})
        assert "challenge" in await refused(house, second, dressed)
        no = device.objects(question, ann)
        turned = device.agrees(question, ann).model_copy(update={"assertion": no.assertion})
        assert "challenge" in await refused(house, second, turned)
        device.flags = PRESENT
        assert "not verified" in await refused(house, second, device.agrees(question, ann))
        device.flags, device.origin = 5, "https://evil.example"
        assert "evil.example" in await refused(house, second, device.agrees(question, ann))
    assert world.peer.writes == []


async def test_one_authenticator_for_two_people_counts_once(world: World) -> None:
    """Two have to agree; the same key is enrolled for both of them, under two ids."""
    people, device = People(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(people=2))
        await people.asker(house)
        ann, ben = await people.add(house, "Ann"), await people.add(house, "Ben")
        twin = Authenticator(key=device.key)
        await enrol(house, device, ann)
        await enrol(house, twin, ben)
        report = await waiting(world, house)
        question = asked(house, report.action)
        once = await house.kernel.approve(report.action, device.agrees(question, ann))
        assert once.outcome is Outcome.WAITING
        with pytest.raises(FabricError, match="agreed already"):
            await house.kernel.approve(report.action, twin.agrees(question, ben))
        with pytest.raises(FabricError, match="count once"):
            await house.kernel.approve(report.action, device.agrees(question, ann))
        with pytest.raises(FabricError, match="count once"):
            await house.kernel.approve(report.action, people.agrees(house, report, ann))
    assert world.peer.writes == []


async def test_the_askers_own_passkey_under_anothers_name(world: World) -> None:
    people, device = People(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        await enrol(house, Authenticator(key=device.key), ASKER)
        await enrol(house, device, ann)
        report = await waiting(world, house)
        assert "is the asker" in await refused(house, report, device.agrees(asked(house, report.action), ann))
    assert world.peer.writes == []


async def test_a_passkey_revoked_while_a_second_person_is_waited_for(world: World) -> None:
    people, device = People(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house, Needs(people=2))
        await people.asker(house)
        ann, ben = await people.add(house, "Ann"), await people.add(house, "Ben")
        await enrol(house, device, ann)
        report = await waiting(world, house)
        await house.kernel.approve(report.action, device.agrees(asked(house, report.action), ann))
        await enrol(house, device, ann, "revoked")
        still = await house.kernel.approve(report.action, people.agrees(house, report, ben))
        assert still.outcome is Outcome.WAITING
    assert world.peer.writes == []


async def test_a_passkey_of_another_tenant(world: World) -> None:
    """The operator of another tenant enrols a passkey for a person of this one."""
    people, device = People(), Authenticator()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        ann = await people.add(house, "Ann")
        await house.record(house.operator(new_trace_id()).passkey(device.passkey(ann, "elsewhere"), "test"))
        report = await waiting(world, house)
        assert "enrolled" in await refused(house, report, device.agrees(asked(house, report.action), ann))
    assert world.peer.writes == []
