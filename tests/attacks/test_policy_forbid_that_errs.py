"""Cedar skips a policy whose evaluation fails, also a `forbid`. Here any such failure denies."""

from __future__ import annotations

import pytest
from policies import NOON, PERMIT, Records, judged, question

from infrafabric.kernel.words.plan import Verdict
from infrafabric.policy.cedar import problems
from infrafabric.policy.cedar_guard import CedarGuard

OVERFLOW = "context.changes + 9223372036854775807 > 0"
"""Valid by the schema, and cannot be computed."""
BADLY_PUT = 'ip("nowhere").isLoopback()'


@pytest.mark.parametrize("condition", [OVERFLOW, "context.changes * 9223372036854775807 * 2 > 0"])
@pytest.mark.parametrize("annotation", ["", '@verdict("ESCALATE") ', '@verdict("HOLD") '])
def test_a_forbid_that_cannot_be_evaluated_denies(condition: str, annotation: str) -> None:
    text = (
        PERMIT + f'@id("e") {annotation}forbid (principal, action == Action::"apply", resource) when {{ {condition} }};'
    )
    assert problems({"a.cedar": text}) == []
    found = judged(text, changes=3)
    assert (found.verdict, found.rules) == (Verdict.DENY, ("policies/error",))
    assert "e" in found.reason


def test_a_permit_that_cannot_be_evaluated_denies_though_another_permits() -> None:
    text = PERMIT + f'@id("e") permit (principal, action == Action::"apply", resource) when {{ {OVERFLOW} }};'
    assert judged(text).rules == ("policies/error",)


def test_it_denies_only_where_it_is_evaluated() -> None:
    text = PERMIT + f'@id("e") forbid (principal, action == Action::"undo", resource) when {{ {OVERFLOW} }};'
    assert judged(text).verdict is Verdict.SHARE
    assert judged(text, action="undo").verdict is Verdict.DENY


def test_a_function_given_nonsense_is_refused_at_load_or_denies() -> None:
    text = PERMIT + f'@id("e") forbid (principal, action == Action::"apply", resource) when {{ {BADLY_PUT} }};'
    assert problems({"a.cedar": text}) != [] or judged(text).verdict is Verdict.DENY


def test_the_guard_denies_and_says_so() -> None:
    text = PERMIT + f'@id("e") forbid (principal, action == Action::"apply", resource) when {{ {OVERFLOW} }};'
    decision = CedarGuard(Records({"a.cedar": text}), lambda: NOON).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("policies/error",))
    assert "could not be evaluated" in decision.reason
