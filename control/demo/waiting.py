"""The demo's scenes about people: an agent's plan waits, is read, approved and done; a stale one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infrafabric.control.approver_key import agreement, key_of
from infrafabric.control.cli.approvals_view import history_of, question_json, show_question
from infrafabric.control.cli.plan_view import signed_effects
from infrafabric.control.cli.verify_approvals import answers_in
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant, Talent
from infrafabric.witness.verify import verify

if TYPE_CHECKING:
    from infrafabric.control.demo.simulator import VmixSimulator
    from infrafabric.control.demo.stage import Stage
    from infrafabric.control.house import House

__all__ = ["tell_of_people"]

AGENT = "if://agent/Show.Caller"
WHY = "demo"


async def tell_of_people(
    stage: Stage, house: House, vmix: VmixSimulator, vkey: str, capability: str, target: str
) -> None:
    """An agent asks for what goes out live; its owner answers. On program is Camera 1, before and afterwards."""

    async def ask(scene: str) -> Report:
        why = "the presenter is ready"
        return await house.kernel.act(Ask(capability_id(capability), AGENT, {"scene": scene}, why, target=target))

    async def approve(waits: Report) -> Report:
        key = key_of(house.keystore, OPERATOR, house.authority.talent(OPERATOR).key)
        asked = history_of(house, waits.action).asked
        return await house.kernel.approve(waits.action, agreement(asked, OPERATOR, key, WHY))

    stage.scene("An agent asks for what goes out live: it waits for a person")
    operator = house.operator(new_trace_id())
    await house.record(
        operator.talent(Talent(id=AGENT, owner=OPERATOR), WHY),
        operator.grant(Grant(talent=AGENT, capability=capability_id(capability), target=target), WHY),
    )
    writes = len(vmix.writes())
    waits = await ask("Camera 2")
    stage.refused(f"{AGENT}, who was granted {capability}", waits.error, Code.APPROVAL_REQUIRED)
    stage.check("it waits, and nothing reached vMix", waits.outcome is Outcome.WAITING and len(vmix.writes()) == writes)
    shape, history, effects = question_json(house, waits.action)
    stage.render(lambda console: show_question(console, shape, history, effects))
    stage.refused("the agent's own signature", await _by_the_agent(house, waits), Code.APPROVAL_INVALID)

    stage.scene("Its owner approves: planned again, found the same, done")
    done = await approve(waits)
    stage.show(done, signed_effects(house, done))
    stage.check("it is the very action that waited", done.action == waits.action)
    stage.check(f"on program is {vmix.program}", vmix.program == "Camera 2" and len(vmix.writes()) == writes + 1)
    proven = verify(done.receipt or b"", [vkey])
    answers = answers_in([(str(entry.leaf.kind), entry.body) for entry in proven.entries])
    stage.check(
        f"the receipt proves it offline: {answers.agreed} of {answers.needed} agreed, and the signature holds",
        answers.error is None and answers.agreed == 1,
    )

    stage.scene("Another one, approved after someone else had moved the desk")
    waits = await ask("Intro")
    stage.check("it waits too", waits.outcome is Outcome.WAITING)
    vmix.by_hand("CutDirect", Input="Music")
    stale = await approve(waits)
    stage.refused("the plan that was approved is no longer the plan", stale.error, Code.PLAN_STALE)
    stage.check(f"on program is still {vmix.program}", vmix.program == "Music" and len(vmix.writes()) == writes + 1)
    vmix.by_hand("CutDirect", Input="Camera 1")


async def _by_the_agent(house: House, waits: Report) -> FabricError | None:
    """What comes of it when the agent signs for itself, with a key that nobody enrolled."""
    from infrafabric.keys.signing import SigningKey

    asked = history_of(house, waits.action).asked
    try:
        await house.kernel.approve(waits.action, agreement(asked, AGENT, SigningKey.generate(), WHY))
    except FabricError as error:
        return error
    return None
