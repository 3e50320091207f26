"""The answers of people in a receipt, checked offline: signed by the keys or passkeys that they name, to this
very question, and as many as the question needed.

That a key or a passkey was a certain person's is on the word of the log: enrolments are entries of their own, not of
the action.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.kernel.words.access import Assertion
    from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused

__all__ = ["Answers", "answers_in"]


@dataclass(frozen=True, slots=True)
class Answers:
    """`rows` are `{"by", "answer", "key", "passkey", "source", "signed"}`. `key` is base64, of a passkey its COSE_Key
    as base64url; `passkey` is `{"credential", "rp_id", "origin"}` or None; `signed` is None for a source, which nobody
    signs."""

    rows: tuple[dict[str, Any], ...]
    needed: int
    """People who had to agree; 0 where nobody was asked, or the receipt does not say."""
    error: FabricError | None = None
    """Why the receipt is not to be believed."""

    @property
    def agreed(self) -> int:
        """Distinct ones that agreed, by whatever name under one key."""
        rows = [row for row in self.rows if row["answer"] == "agreed" and row["signed"] is not False]
        return len({row["key"] or row["by"] for row in rows})


def answers_in(entries: Sequence[tuple[str, Mapping[str, Any] | None]]) -> Answers:
    """What the entries of one action, as (kind, body) in order, say and prove of the answers to its question."""
    from pydantic import ValidationError

    from infrafabric.kernel.words.entries import ActionDecided, ApprovalGiven, ApprovalRefused

    rows: list[dict[str, Any]] = []
    question: ActionDecided | None = None
    went_on = withheld = False
    problem = ""
    try:
        for kind, body in entries:
            if body is None:
                withheld = withheld or kind.startswith("approval.")
                continue
            if kind == "action.decided":
                decided = ActionDecided.model_validate(body)
                went_on = went_on or (question is not None and decided.pending is None)
                question = question or (decided if decided.pending is not None else None)
            elif kind == "approval.given":
                given = ApprovalGiven.model_validate(body)
                row = {"by": given.approver, "answer": "agreed", "source": given.source or None}
                problem = problem or _add(rows, row, given, question)
            elif kind == "approval.refused":
                refused = ApprovalRefused.model_validate(body)
                row = {"by": refused.approver, "answer": "refused", "source": None}
                problem = problem or _add(rows, row, refused, question)
    except ValidationError:
        problem = "an entry about the approvals is not of its form"
    needed = question.pending.needs.people if question is not None and question.pending is not None else 0
    found = Answers(tuple(rows), needed)
    if not problem and went_on and not withheld and found.agreed < needed:
        problem = f"the action went on after {found.agreed} of {needed} people agreed"
    return Answers(found.rows, needed, FabricError(Code.RECEIPT_INVALID, problem) if problem else None)


def _add(
    rows: list[dict[str, Any]], row: dict[str, Any], answer: ApprovalGiven | ApprovalRefused, question: Any
) -> str:
    """Add the row of an answer; what is wrong with it, "" where nothing is."""
    from infrafabric.kernel.approving import approval_bytes
    from infrafabric.kernel.words.plan import Verdict

    verdict = answer.verdict if hasattr(answer, "verdict") else Verdict.DENY
    statement = approval_bytes(
        context_digest=answer.context_digest,
        verdict=verdict,
        approver=answer.approver,
        expires=answer.expires,
        nonce=answer.nonce,
    )
    signed: bool | None = None
    passkey: dict[str, str] | None = None
    if answer.assertion is not None:
        signed, passkey = _by_passkey(answer.assertion, statement)
        signed = signed and not row["source"] and not answer.key
    elif not row["source"]:
        signed = _by_key(answer.key, statement, answer.signature)
    key = answer.assertion.public_key if answer.assertion is not None else answer.key
    rows.append({**row, "key": key, "passkey": passkey, "signed": signed})
    if signed is False:
        return f"the signature of {answer.approver} does not hold"
    if question is None:
        return ""  # erased or withheld: there is nothing to compare it with
    if (answer.nonce, answer.context_digest) != (question.pending.nonce, question.context_digest):
        return f"{answer.approver} answered another question"
    return ""


def _by_key(key: str, statement: bytes, signature: str) -> bool:
    from infrafabric.control.house import verify_signature

    return verify_signature(key, statement, signature)


def _by_passkey(assertion: Assertion, statement: bytes) -> tuple[bool, dict[str, str]]:
    """Whether the passkey that the answer names signed it, and what is known of that passkey."""
    from infrafabric.keys.passkeys import verify_assertion

    known = {"credential": assertion.credential, "rp_id": assertion.rp_id, "origin": ""}
    try:
        known["origin"] = verify_assertion(
            assertion,
            public_key=assertion.public_key,
            rp_id=assertion.rp_id,
            challenge=hashlib.sha256(statement).digest(),
        )
    except FabricError:
        return False, known
    return True, known
