from __future__ import annotations

from dataclasses import replace
from typing import Any

import cedarpy
import orjson
import pytest
from policies import AGENT, NOON, PERMIT, PERSON, judged

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Cost
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.things import Talent
from infrafabric.policy.cedar import load_policies, problems
from infrafabric.policy.files import shipped
from infrafabric.policy.schema import ACTIONS, Asking, schema_text

LIVE = '@id("live") @verdict("ESCALATE") forbid (principal, action, resource)'


def test_without_a_permit_it_is_denied() -> None:
    found = judged('@id("plan") permit (principal, action == Action::"plan", resource);')
    assert (found.verdict, found.rules) == (Verdict.DENY, ("policies/no-permit",))


def test_a_permit_is_leave_to_go() -> None:
    assert judged(PERMIT).verdict is Verdict.SHARE
    assert judged(PERMIT).rules == ("all",)


def test_a_plain_forbid_outweighs_permits_and_questions() -> None:
    found = judged(PERMIT + f'{LIVE};@id("never") @reason("not here") forbid (principal, action, resource);')
    assert (found.verdict, found.rules, found.reason) == (Verdict.DENY, ("never",), "not here")


def test_a_question_alone_permits_nothing() -> None:
    assert judged(f"{LIVE};").verdict is Verdict.DENY


def test_a_forbid_with_a_verdict_asks_people() -> None:
    text = PERMIT + (
        '@id("two") @verdict("ESCALATE") @people("2") @roles("director, owner") @wait_s("60") @reason("big")'
        'forbid (principal, action == Action::"apply", resource);'
    )
    found = judged(text)
    assert (found.verdict, found.rules, found.reason) == (Verdict.ESCALATE, ("two",), "big")
    assert found.needs is not None
    assert (found.needs.people, found.needs.roles, found.needs.wait_s) == (2, ("director", "owner"), 60)
    assert not found.needs.source
    assert judged(text, action="undo").verdict is Verdict.SHARE


def test_the_strongest_question_is_asked_and_meets_all() -> None:
    text = PERMIT + (
        '@id("a") @verdict("HOLD") @people("3") forbid (principal, action, resource);'
        '@id("b") @verdict("ESCALATE") @roles("owner") forbid (principal, action, resource);'
    )
    found = judged(text)
    assert found.verdict is Verdict.ESCALATE
    assert found.needs is not None
    assert (found.needs.people, found.needs.roles) == (3, ("owner",))
    assert found.rules == ("a", "b")


def test_questions_to_different_roles_cannot_be_met_and_are_denied() -> None:
    text = PERMIT + (
        '@id("a") @verdict("ESCALATE") @roles("lawyer") forbid (principal, action, resource);'
        '@id("b") @verdict("ESCALATE") @roles("owner") forbid (principal, action, resource);'
    )
    found = judged(text)
    assert (found.verdict, found.rules[0]) == (Verdict.DENY, "policies/roles-differ")


def test_a_policy_raises_an_invariant_and_never_lowers_it() -> None:
    assert judged(PERMIT, hazards=("legal",)).verdict is Verdict.ESCALATE
    assert judged(PERMIT, confidence=100).verdict is Verdict.ESCALATE
    assert judged(PERMIT, confidence=250).verdict is Verdict.HOLD
    assert judged(PERMIT + f"{LIVE};", confidence=250).verdict is Verdict.ESCALATE
    hold = '@id("h") @verdict("HOLD") forbid (principal, action, resource);'
    assert judged(PERMIT + hold, hazards=("safety",)).verdict is Verdict.ESCALATE
    assert judged(PERMIT + '@id("n") forbid (principal, action, resource);', hazards=("legal",)).verdict is Verdict.DENY


def test_before_there_is_a_plan_nobody_is_asked() -> None:
    found = judged(PERMIT + f"{LIVE};", action="plan", planned=False, confidence=0)
    assert found.verdict is Verdict.SHARE


@pytest.mark.parametrize(
    ("condition", "asked", "holds"),
    [
        ('context.capability == Capability::"lamp.switch"', {}, True),
        ('context.capability.product == "lamp"', {}, True),
        ('resource == Target::"lamp@hall"', {}, True),
        ('resource in Tenant::"default"', {}, True),
        ('resource in Tenant::"other"', {}, False),
        ('principal in Role::"analyst"', {"talent": Talent(id=AGENT.id, roles=("analyst",))}, True),
        ('principal in Role::"director"', {"roles": frozenset({"director"})}, True),
        ('principal in Role::"director"', {}, False),
        ('principal in Group::"night"', {"talent": Talent(id=AGENT.id, groups=("night",))}, True),
        ('principal has owner && principal.owner == Talent::"if://person/Ada"', {}, True),
        ("context.cost.millionths > 1000000", {"cost": Cost(per_apply="1.000001")}, True),
        ("context.cost.millionths > 1000000", {"cost": Cost(per_apply="1")}, False),
        ("context.time.hour >= 9 && context.time.hour < 17", {}, True),
        ("context.time.weekday == 1", {}, True),
        ("context has confidence && context.confidence < 500", {"confidence": 499}, True),
        ("context has confidence && context.confidence < 500", {}, False),
        ('context.effects.contains("switch")', {"effects": ("switch",)}, True),
        ("context.changes > 10", {"changes": 11}, True),
        ("!context.invertible", {"invertible": False}, True),
        ("context.destructive", {}, False),
    ],
)
def test_policies_see_what_the_schema_promises(condition: str, asked: dict[str, Any], holds: bool) -> None:
    actions = 'action in [Action::"plan", Action::"dry_run", Action::"apply", Action::"undo"]'
    found = judged(f'@id("if") permit (principal, {actions}, resource) when {{ {condition} }};', **asked)
    assert found.verdict is (Verdict.SHARE if holds else Verdict.DENY)


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        (f'principal == Talent::"{AGENT.id}", action, resource', True),
        (f'principal == Talent::"{PERSON.id}", action, resource', False),
        ('principal in Tenant::"default", action, resource', True),
        ('principal in Role::"director", action, resource', False),
        ('principal is Talent in Tenant::"default", action, resource', True),
        ('principal is Talent in Tenant::"other", action, resource', False),
        ('principal, action in [Action::"undo", Action::"apply"], resource', True),
        ('principal, action in [Action::"undo"], resource', False),
        ('principal, action, resource == Target::"lamp@hall"', True),
        ('principal, action, resource == Target::"lamp@attic"', False),
        ('principal, action, resource in Tenant::"default"', True),
        ("principal is Talent, action, resource is Target", True),
    ],
)
def test_scopes_select_as_cedar_does(scope: str, holds: bool) -> None:
    text = f'@id("if") permit ({scope});'
    assert judged(text).verdict is (Verdict.SHARE if holds else Verdict.DENY)
    asking = Asking("apply", AGENT, NOON, capability="lamp.switch", target="lamp@hall", changes=1)
    request = {**asking.request(), "context": orjson.dumps(asking.request()["context"]).decode()}
    assert cedarpy.is_authorized(request, text, asking.entities()).allowed is holds


@pytest.mark.parametrize("action", ACTIONS)
def test_each_request_fits_the_schema(action: str) -> None:
    talent = Talent(id=AGENT.id, roles=("a",), groups=("b",), owner=PERSON.id)
    here: dict[str, Any] = {} if action == "read_log" else {"capability": "lamp.switch", "target": "lamp@hall"}
    asking = Asking(action, talent, NOON, frozenset({"a", "c"}), confidence=5, hazards=("x",), **here)
    schema = cedarpy.Schema.from_str(schema_text())
    entities = cedarpy.Entities.from_json_str(orjson.dumps(asking.entities()).decode(), schema)
    answer = cedarpy.is_authorized(asking.request(), PERMIT, entities, schema)
    assert answer.allowed, answer.diagnostics.errors


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("permit (principal, action, resource);", 1, "has no @id"),
        ('@id("A b") permit (principal, action, resource);', 1, "no id"),
        ('@id("a") permit (principal, action, resource)', 1, "no Cedar policy"),
        ('@id("a") permit (principal, action, resource);;', 1, "no Cedar policy"),
        ('@id("a") allow (principal, action, resource);', 1, "no Cedar policy"),
        ('@id("a") permit (principal == ?principal, action, resource);', 1, "template"),
        ('@id("a")\n@verdit("HOLD")\nforbid (principal, action, resource);', 2, "did you mean `verdict`?"),
        ('@id("a") @verdict("ESCALTE") forbid (principal, action, resource);', 1, "did you mean `ESCALATE`?"),
        ('@id("a") @verdict("SHARE") forbid (principal, action, resource);', 1, "HOLD or ESCALATE"),
        ('@id("a") @verdict("HOLD") permit (principal, action, resource);', 1, "belongs to a forbid"),
        ('@id("a") @people("2") forbid (principal, action, resource);', 1, "without @verdict"),
        ('@id("a") @verdict("HOLD") @people("0") forbid (principal, action, resource);', 1, "@people"),
        ('@id("a") @verdict("HOLD") @people("two") forbid (principal, action, resource);', 1, "whole number"),
        ('@id("a") @verdict("HOLD") @roles("Big Boss") forbid (principal, action, resource);', 1, "@roles"),
        ('@id("a") @reason("x\\ny") permit (principal, action, resource);', 1, "@reason"),
        (PERMIT + PERMIT, 2, "taken by a.cedar:1"),
        ('@id("a")\npermit (principal, action == Action::"aply", resource);', 2, "did you mean `apply`?"),
        ('@id("a") permit (principal in Rol::"x", action, resource);', 1, "did you mean `Role`?"),
        ("", 1, "no policy"),
        ("// nothing", 1, "no policy"),
        (
            '@id("a") permit (principal, action, resource) when { ' + "(" * 200 + ")" * 200 + " };",
            1,
            "brackets",
        ),
        ('@id("a") permit (principal, action, resource) when { true' + " && true" * 1500 + " };", 1, "nested too deep"),
        ('@id("a") permit (principal, action, resource) when { true' + " && true" * 4000 + " };", 1, "characters"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str) -> None:
    first = problems({"a.cedar": text})[0]
    assert (first.file, first.line) == ("a.cedar", line)
    assert words in first.message
    with pytest.raises(FabricError) as refused:
        load_policies({"a.cedar": text})
    assert refused.value.code is Code.POLICY_INVALID
    assert f"a.cedar:{line}: " in refused.value.message


def test_semicolons_in_strings_and_comments_end_no_policy() -> None:
    text = '// a; b\n@id("a;b".\n'
    assert len(problems({"a.cedar": text})) == 1
    text = '// one; two\n@id("a") @reason("first; then") // and; so\npermit (principal, action, resource);// end;'
    assert problems({"a.cedar": text}) == []


def test_the_shipped_set_is_valid_and_its_digest_is_that_of_its_text() -> None:
    first, again = load_policies(shipped()), load_policies(shipped())
    assert first.digest == again.digest
    changed = {name: text + "\n" for name, text in shipped().items()}
    assert load_policies(changed).digest != first.digest


def test_policies_that_speak_of_a_hazard_are_known_by_it() -> None:
    text = PERMIT + (
        '@id("a") forbid (principal, action == Action::"apply", resource) when { !(context.changes > 1 && '
        'context.hazards.contains("one")) || context.hazards.containsAll(["two", "three"]) };'
    )
    assert load_policies({"a.cedar": text}).hazards() == {"one", "two", "three"}


@pytest.mark.parametrize(
    "condition",
    [
        "context.time.hour >= 17",
        "context has time && context.time.hour >= 17",
        "context has time.hour && context.time.hour >= 17",
        "[context].contains(context) && context.time.hour >= 17",
        "true && (if context.changes == 1 then context.time.epoch > 1767636000 else false)",
    ],
)
def test_what_was_answered_at_another_time_is_asked_again(condition: str) -> None:
    text = PERMIT + f'@id("late") forbid (principal, action == Action::"apply", resource) when {{ {condition} }};'
    policies = load_policies({"a.cedar": text})
    asking = Asking("apply", AGENT, NOON, capability="lamp.switch", target="lamp@hall", changes=1)
    evening = replace(asking, at=NOON.replace(hour=20))
    assert [policies.judge(one).verdict for one in (asking, evening, asking)] == [
        Verdict.SHARE,
        Verdict.DENY,
        Verdict.SHARE,
    ]


def test_another_question_has_an_answer_of_its_own() -> None:
    text = PERMIT + '@id("live") forbid (principal, action == Action::"apply", resource) when { context.changes > 1 };'
    policies = load_policies({"a.cedar": text})
    asking = Asking("apply", AGENT, NOON, capability="lamp.switch", target="lamp@hall", changes=1)
    others = [replace(asking, changes=2), replace(asking, changes=2, action="undo"), asking]
    found = [policies.judge(one).verdict for one in (asking, *others, *others)]
    share, deny = Verdict.SHARE, Verdict.DENY
    assert found == [share, deny, share, share, deny, share, share]
