from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from policies import AGENT, NOON, PERMIT, PERSON, TARGET, Records, plan, question

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Guard
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.manifest import Cost
from infrafabric.kernel.words.plan import Decision, Plan, Verdict
from infrafabric.kernel.words.policy import Role
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.cedar_guard import CedarGuard
from infrafabric.policy.files import shipped


def guard(records: Records, at: datetime = NOON) -> CedarGuard:
    return CedarGuard(records, lambda: at)


def test_it_is_a_guard_and_says_what_it_rests_on() -> None:
    records = Records(shipped())
    here: Guard = guard(records)
    decision = here.decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.SHARE, ("grants/talent", "granted"))
    assert decision.needs is None
    grant, talent = (records.rows["grant", f"{AGENT.id} if://capability/lamp.switch lamp@hall"],
                     records.rows["talent", AGENT.id])  # fmt: skip
    expected = {sha256(dumps(grant)), sha256(dumps(talent)), records.record("policy", "set")}
    assert set(decision.records) == expected


def test_grants_come_first() -> None:
    decision = guard(Records({"a.cedar": PERMIT})).decide(question(target=Target(name="lamp@attic")))
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("grants/none",))


def test_without_policies_in_force_everything_is_denied() -> None:
    decision = guard(Records(None)).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("policies/none",))
    assert "ifctl policy load" in decision.reason


def test_policies_that_no_longer_fit_the_schema_deny_everything() -> None:
    records = Records({"a.cedar": '@id("old") permit (principal, action == Action::"fly", resource);'})
    here = guard(records)
    for _ in range(2):
        decision = here.decide(question())
        assert (decision.verdict, decision.rules) == (Verdict.DENY, ("policies/invalid",))
        assert "a.cedar:1" in decision.reason


def test_other_policies_hold_at_once_and_change_what_the_decision_rests_on() -> None:
    records = Records({"a.cedar": PERMIT})
    here = guard(records)
    before = here.decide(question())
    records.load({"a.cedar": PERMIT, "b.cedar": '@id("no") forbid (principal, action, resource);'})
    after = here.decide(question())
    assert (before.verdict, after.verdict) == (Verdict.SHARE, Verdict.DENY)
    assert set(before.records) != set(after.records)
    records.load({"a.cedar": PERMIT})
    assert here.decide(question()) == before


@pytest.mark.parametrize(
    ("hazards", "rule"),
    [
        (("live-output",), "live-output"),
        (("stream-starts",), "live-output"),
        (("recording-stops",), "recording"),
        (("costs-money",), "money"),
        (("destructive",), "destructive"),
        (("unlock",), "way-in"),
        (("open-cover",), "way-in"),
        (("alarm-disarm",), "way-in"),
        (("call-out",), "call-out"),
        (("microphone",), "recording"),
        (("unclassified-service",), "unforeseeable"),
    ],
)
def test_by_default_a_person_may_and_an_agent_asks_one(hazards: tuple[str, ...], rule: str) -> None:
    here = guard(Records(shipped()))
    asked = here.decide(question(hazards=hazards))
    assert (asked.verdict, asked.rules) == (Verdict.ESCALATE, (rule,))
    assert asked.needs is not None and (asked.needs.people, asked.needs.roles) == (1, ())
    assert here.decide(question(hazards=hazards, talent=PERSON)).verdict is Verdict.SHARE


def test_by_default_money_needs_a_person_whether_or_not_it_is_called_a_hazard() -> None:
    here = guard(Records(shipped()))
    assert here.decide(question(cost=Cost(per_apply="0.000001"))).rules == ("money",)
    assert here.decide(question(cost=Cost(per_apply="5"), plan=Plan())).verdict is Verdict.SHARE
    assert here.decide(question(cost=Cost(per_apply="5"), talent=PERSON)).verdict is Verdict.SHARE


def test_a_write_that_the_manifest_calls_destructive_is_so() -> None:
    assert guard(Records(shipped())).decide(question(plan=plan("switch", "smash"))).rules == ("destructive",)


@pytest.mark.parametrize("purpose", ["plan", "dry_run", "undo", "apply"])
def test_a_plan_says_what_its_apply_would_need(purpose: str) -> None:
    decision = guard(Records(shipped())).decide(question(purpose=purpose, hazards=("unlock",)))
    assert decision.verdict is Verdict.ESCALATE


def test_before_there_is_a_plan_nobody_is_asked() -> None:
    decision = guard(Records(shipped())).decide(question(plan=None, confidence=0))
    assert decision.verdict is Verdict.SHARE


def test_inherited_roles_count_and_are_rested_on() -> None:
    text = '@id("d") permit (principal in Role::"director", action, resource);'
    records = Records({"a.cedar": text}, Talent(id=AGENT.id, roles=("owner",)))
    talent = Talent(id=AGENT.id, roles=("owner",))
    here = guard(records)
    assert here.decide(question(talent=talent)).rules == ("policies/no-permit",)
    role = Role(name="owner", includes=("director",))
    records.rows["role", role.key] = role.as_json()
    with_role = here.decide(question(talent=talent))
    assert with_role.verdict is Verdict.SHARE
    del records.rows["role", role.key]
    assert here.decide(question(talent=talent)).verdict is Verdict.DENY


def test_the_claim_is_rested_on() -> None:
    here = guard(Records(shipped()))
    claims = [
        Claim.model_validate({"claim_id": name, "confidence": {"raw": 0.9, "normalized": 0.9}}) for name in ("a", "b")
    ]
    decisions = [here.decide(question(claim=claim, confidence=900)) for claim in claims]
    assert [decision.verdict for decision in decisions] == [Verdict.SHARE] * 2
    assert set(decisions[0].records) != set(decisions[1].records)


def test_the_time_is_the_one_that_it_was_given() -> None:
    night = '@id("day") forbid (principal, action == Action::"apply", resource) when { context.time.hour < 6 };'
    records = Records({"a.cedar": PERMIT + night})
    assert guard(records, NOON).decide(question()).verdict is Verdict.SHARE
    assert guard(records, NOON.replace(hour=5)).decide(question()).rules == ("day",)


def test_who_may_approve_and_read_is_the_policies_to_say() -> None:
    here = guard(Records(shipped()))
    auditor = Talent(id="if://person/Bo", roles=("auditor",))
    assert here.may_approve(PERSON, "if://capability/lamp.switch", TARGET).verdict is Verdict.SHARE
    assert here.may_approve(AGENT, "if://capability/lamp.switch", TARGET).verdict is Verdict.DENY
    assert here.may_read_log(auditor, "default").verdict is Verdict.SHARE
    assert here.may_read_log(auditor, "other").verdict is Verdict.DENY
    assert here.may_read_log(PERSON, "default").verdict is Verdict.DENY
    assert guard(Records(None)).may_approve(PERSON, "if://capability/lamp.switch", TARGET).verdict is Verdict.DENY


@pytest.mark.parametrize("error", [FabricError(Code.LOG_STOPPED, "no facts now"), OSError("disk"), RecursionError()])
def test_policies_that_cannot_be_read_are_a_refusal(error: Exception) -> None:
    class Broken(Records):
        def record(self, table: str, key: str) -> str:
            raise error

        def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
            raise error

    decision: Decision = guard(Broken(shipped())).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("guard/error",))


def test_a_persons_key_in_a_script_is_no_person() -> None:
    here = guard(Records(shipped()))
    asked = question(hazards=("live-output",), talent=PERSON)
    assert here.decide(asked).verdict is Verdict.SHARE
    assert here.decide(replace(asked, unattended=True)).verdict is Verdict.ESCALATE
