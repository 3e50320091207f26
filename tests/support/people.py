"""People who answer plans that wait, agents who ask, and a guard that asks people about every plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infrafabric.control.approver_key import agreement, objection
from infrafabric.control.approver_key import by_source as second_source
from infrafabric.control.house import House
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code
from infrafabric.kernel.history import History
from infrafabric.kernel.ports import Asked, Guard, Question
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.names import capability_id, new_trace_id, talent_id
from infrafabric.kernel.words.plan import Decision, Outcome, Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.kernel.words.things import Grant, Talent
from infrafabric.keys.signing import SigningKey

if TYPE_CHECKING:
    from world import World

TARGET = "house@home"
ASKER = "if://agent/Scout"
HALL: tuple[str, dict[str, Any]] = ("house.lamps", {"lamps": {"hall": True}})
"""The capability and intent of what waits."""


class AskingGuard:
    """The home's own guard, with a question to people wherever it would let a plan with changes go."""

    def __init__(self, inner: Guard, needs: Needs, verdict: Verdict) -> None:
        self.inner = inner
        self.needs = needs
        self.verdict = verdict
        self.records: tuple[str, ...] = ()

    def decide(self, question: Question) -> Decision:
        decision = self.inner.decide(question)
        if question.plan is None or not question.plan.changes or decision.verdict is Verdict.DENY:
            return decision
        return decision.model_copy(
            update={
                "verdict": self.verdict,
                "needs": self.needs,
                "rules": (*decision.rules, "tests/ask"),
                "reason": "the test asks people",
                "records": (*decision.records, *self.records),
            }
        )


@dataclass
class People:
    """Talents with keys of their own, by id. `ask_about_everything` comes first."""

    keys: dict[str, SigningKey] = field(default_factory=dict)

    def ask_about_everything(
        self, house: House, needs: Needs | None = None, verdict: Verdict = Verdict.ESCALATE
    ) -> AskingGuard:
        guard = AskingGuard(house.kernel.parts.guard, needs or Needs(), verdict)
        house.kernel.parts.guard = guard
        return guard

    async def add(
        self,
        house: House,
        name: str,
        kind: str = "person",
        *,
        owner: str | None = None,
        roles: tuple[str, ...] = (),
        tenant: str = "default",
        key: SigningKey | None = None,
    ) -> str:
        """Enrol a talent, or enrol it anew; its id."""
        who = talent_id(name, kind)
        self.keys[who] = key or self.keys.get(who) or SigningKey.generate()
        talent = Talent(id=who, tenant=tenant, roles=roles, owner=owner, key=str(self.keys[who].public))
        await house.record(house.operator(new_trace_id()).talent(talent, "test"))
        return who

    async def asker(self, house: House, *capabilities: str, owner: str | None = OPERATOR, name: str = "Scout") -> str:
        """An agent that was granted `capabilities` (the lamps, where none is named) on the house."""
        who = await self.add(house, name, "agent", owner=owner)
        for capability in capabilities or ("house.lamps",):
            grant = Grant(talent=who, capability=capability_id(capability), target=TARGET)
            await house.record(house.operator(new_trace_id()).grant(grant, "test"))
        return who

    async def revoke(self, house: House, who: str) -> None:
        talent = house.authority.talent(who)
        await house.record(house.operator(new_trace_id()).talent(talent, "test", "revoked"))

    async def waiting(
        self,
        world: World,
        house: House,
        needs: Needs | None = None,
        verdict: Verdict = Verdict.ESCALATE,
        deadline_s: float | None = None,
    ) -> Report:
        """An agent asks for the hall's lamp, and has to wait for people."""
        self.ask_about_everything(house, needs, verdict)
        ask = world.ask(*HALL, talent=await self.asker(house), deadline_s=deadline_s)
        report = await house.kernel.act(ask)
        assert report.outcome is Outcome.WAITING and report.pending is not None
        assert report.error is not None and report.error.code is Code.APPROVAL_REQUIRED
        assert world.peer.writes == []
        return report

    def agrees(self, house: House, report: Report, who: str, *, expires: str = "") -> ApprovalGiven:
        question = asked(house, report.action)
        if expires:
            question = replace(question, pending=question.pending.model_copy(update={"expires": expires}))
        return agreement(question, who, self.keys[who], "it is right")

    def objects(self, house: House, report: Report, who: str) -> ApprovalRefused:
        return objection(asked(house, report.action), who, self.keys[who], "it is wrong")


def by_source(house: House, waits: Report, talent: str, source: str) -> ApprovalGiven:
    """That the action `source` of `talent` planned the same as what waits."""
    return second_source(asked(house, waits.action), talent, source, "it is the same")


def asked(house: House, action: str) -> Asked:
    """The question of an action that waits."""
    return History.of(action, house.log.entries(action)).asked


def kinds(house: House, action: str) -> list[str]:
    """The kinds of the action's entries, in order."""
    return [kind.value for _, kind, _ in house.log.entries(action)]
