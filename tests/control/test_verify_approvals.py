"""What a receipt proves of the people who agreed: signatures, the question they answered, and how many they were."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.control.approver_key import agreement, by_source, objection
from infrafabric.control.cli.verify_approvals import answers_in
from infrafabric.kernel.errors import Code
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.words.entries import ActionDecided
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs, Pending
from infrafabric.keys.signing import SigningKey

PENDING = Pending(needs=Needs(people=2), nonce="nonce", expires="2026-01-01T00:15:00Z")
DECISION = Decision(verdict=Verdict.ESCALATE, rules=("r",), reason="", needs=PENDING.needs)
ASKED = Asked("a", "if://agent/A", "default", "c", "t", DECISION, PENDING, "changes", "context")
QUESTION = ActionDecided(decision=DECISION, changes_digest="changes", context_digest="context", pending=PENDING)
WENT_ON = QUESTION.model_copy(update={"pending": None, "decision": DECISION.model_copy(update={"needs": None})})
ANN, BEN = SigningKey.generate(), SigningKey.generate()

Rows = list[tuple[str, dict[str, Any] | None]]


def rows(*answers: Any, went_on: bool = True) -> Rows:
    kinds = {"ApprovalGiven": "approval.given", "ApprovalRefused": "approval.refused"}
    given: Rows = [(kinds[type(one).__name__], one.as_json()) for one in answers]
    end: Rows = [("action.decided", WENT_ON.as_json())] if went_on else []
    return [("action.decided", QUESTION.as_json()), *given, *end]


def ann(**changed: Any) -> Any:
    return agreement(ASKED, "if://person/Ann", ANN, "yes").model_copy(update=changed)


def ben() -> Any:
    return agreement(ASKED, "if://person/Ben", BEN, "yes")


def test_two_signatures_that_hold() -> None:
    found = answers_in(rows(ann(), ben()))
    assert (found.needed, found.agreed, found.error) == (2, 2, None)
    assert [row["signed"] for row in found.rows] == [True, True]


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([ann()], "went on after 1 of 2 people agreed"),
        ([], "went on after 0 of 2 people agreed"),
        ([ann(), ann(approver="if://person/Ann2")], "the signature of if://person/Ann2 does not hold"),
        ([ann(), agreement(ASKED, "if://person/Ann2", ANN, "yes")], "went on after 1 of 2 people agreed"),
        ([ann(), objection(ASKED, "if://person/Ben", BEN, "no")], "went on after 1 of 2 people agreed"),
        ([ann(signature=""), ben()], "the signature of if://person/Ann does not hold"),
        ([ann(verdict=Verdict.HOLD), ben()], "the signature of if://person/Ann does not hold"),
        ([ann(key=str(BEN.public)), ben()], "the signature of if://person/Ann does not hold"),
    ],
)
def test_fewer_than_it_says(answers: list[Any], problem: str) -> None:
    found = answers_in(rows(*answers))
    assert found.error is not None and found.error.code is Code.RECEIPT_INVALID
    assert problem in found.error.message


def test_an_answer_to_another_question() -> None:
    other = Asked("b", "if://agent/A", "default", "c", "t", DECISION, PENDING, "changes", "another context")
    found = answers_in(rows(agreement(other, "if://person/Ann", ANN, "yes"), went_on=False))
    assert found.error is not None and "answered another question" in found.error.message


def test_a_refusal_and_a_source() -> None:
    refused = answers_in(rows(objection(ASKED, "if://person/Ann", ANN, "no"), went_on=False))
    assert refused.error is None and [row["answer"] for row in refused.rows] == ["refused"]
    source = answers_in(rows(by_source(ASKED, "if://agent/B", "b", "the same"), ann()))
    assert (source.error, source.agreed) == (None, 2)


def test_nobody_was_asked_or_it_was_erased() -> None:
    assert answers_in([("action.decided", WENT_ON.as_json())]).error is None
    assert answers_in([("action.decided", None), ("approval.given", ann().as_json())]).error is None
    erased: Rows = [
        ("approval.given", None) if kind == "approval.given" else (kind, body) for kind, body in rows(ann())
    ]
    assert answers_in(erased).error is None
    broken = answers_in([("action.decided", QUESTION.as_json()), ("approval.given", {"approver": 1})])
    assert broken.error is not None and "not of its form" in broken.error.message
