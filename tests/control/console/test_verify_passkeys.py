"""What a receipt proves of people who agreed by passkey, offline."""

from __future__ import annotations

from typing import Any

from authenticator import Authenticator

from infrafabric.control.cli.verify_approvals import answers_in
from infrafabric.kernel.errors import Code
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.words.entries import ActionDecided, ApprovalGiven
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs, Pending

PENDING = Pending(needs=Needs(people=2), nonce="nonce", expires="2026-01-01T00:15:00Z")
DECISION = Decision(verdict=Verdict.ESCALATE, rules=("r",), reason="", needs=PENDING.needs)
ASKED = Asked("a", "if://agent/A", "default", "c", "t", DECISION, PENDING, "changes", "context")
QUESTION = ActionDecided(decision=DECISION, changes_digest="changes", context_digest="context", pending=PENDING)
WENT_ON = QUESTION.model_copy(update={"pending": None, "decision": DECISION.model_copy(update={"needs": None})})
ANN, BEN = Authenticator(), Authenticator(rp_id="studio.example", origin="https://studio.example")


def rows(*answers: ApprovalGiven) -> list[tuple[str, dict[str, Any] | None]]:
    given: list[tuple[str, dict[str, Any] | None]] = [("approval.given", one.as_json()) for one in answers]
    return [("action.decided", QUESTION.as_json()), *given, ("action.decided", WENT_ON.as_json())]


def test_two_passkeys_that_hold() -> None:
    found = answers_in(rows(ANN.agrees(ASKED, "if://person/Ann"), BEN.agrees(ASKED, "if://person/Ben")))
    assert (found.needed, found.agreed, found.error) == (2, 2, None)
    assert [row["passkey"]["origin"] for row in found.rows] == ["http://localhost:8400", "https://studio.example"]
    assert [row["passkey"]["rp_id"] for row in found.rows] == ["localhost", "studio.example"]


def test_one_passkey_under_two_names() -> None:
    found = answers_in(rows(ANN.agrees(ASKED, "if://person/Ann"), ANN.agrees(ASKED, "if://person/Ben")))
    assert found.error is not None and found.error.code is Code.RECEIPT_INVALID
    assert found.agreed == 1


def test_what_does_not_hold() -> None:
    good, other = ANN.agrees(ASKED, "if://person/Ann"), BEN.agrees(ASKED, "if://person/Ben")
    assert good.assertion is not None and other.assertion is not None
    swapped = good.model_copy(update={"assertion": other.assertion})
    anothers_key = good.assertion.model_copy(update={"public_key": other.assertion.public_key})
    another_party = good.assertion.model_copy(update={"rp_id": "studio.example"})
    no_key = good.assertion.model_copy(update={"public_key": "", "rp_id": ""})
    for wrong in (
        swapped,
        good.model_copy(update={"assertion": anothers_key}),
        good.model_copy(update={"assertion": another_party}),
        good.model_copy(update={"assertion": no_key}),
        good.model_copy(update={"key": "a"}),
        good.model_copy(update={"source": "b"}),
        good.model_copy(update={"context_digest": "another"}),
    ):
        found = answers_in(rows(wrong, other))
        assert found.error is not None and found.error.code is Code.RECEIPT_INVALID
        assert "the signature of if://person/Ann does not hold" in found.error.message
