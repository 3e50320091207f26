"""Questions to people, as `ifctl approvals list|show --json` gives them, and answers to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from infrafabric.control.api.shapes.actions import Counts
from infrafabric.control.api.shapes.common import Shape, Taken, Why
from infrafabric.kernel.words.access import Assertion
from infrafabric.kernel.words.manifest import Cost
from infrafabric.kernel.words.plan import Plan
from infrafabric.kernel.words.policy import Needs

__all__ = ["Answered", "Question", "Questions", "Second", "Whole"]

Text = Annotated[str, StringConstraints(max_length=300)]


class Answered(Taken):
    """A person's answer, signed where the person is: with the enrolled key, or with a passkey.

    What is signed is in docs/api.md: the question's context digest, the verdict (DENY to refuse), the approver,
    `expires` and `nonce`.
    """

    approver: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    """Full id of the talent that answers: whoever hands it in."""
    expires: Text
    """As the question has it."""
    nonce: Text
    """As the question has it."""
    key: Text = ""
    """The approver's enrolled public key, base64; left out with an assertion."""
    signature: Text = ""
    """Ed25519, base64; left out with an assertion."""
    assertion: Assertion | None = None
    why: Why


class Second(Taken):
    """Another talent's plan for the same changes."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """Its action."""
    why: Why


class Given(Shape):
    """An answer that somebody gave."""

    by: str
    source: str | None
    why: str
    key: str
    passkey: str | None
    counts: bool
    """Whether it still counts."""


class Question(Shape):
    """A plan that waits for people."""

    action: str
    at: str
    verdict: Literal["HOLD", "ESCALATE"]
    reason: str
    rules: list[str]
    talent: str
    """Who asks."""
    tenant: str
    purpose: str
    capability: str
    target: str
    hazards: list[str]
    changes: int
    changes_digest: str
    needs: Needs
    agreed: int
    missing: str
    """Whose agreement is lacking, in words."""
    alike: str
    """The same for questions that ask the very same."""
    given: list[Given]
    expires: str
    left_s: int
    overdue: bool


class Whole(Question):
    """A question with all that its answer rests on. What `untrusted` names was written by the asker, the adapter or the
    world: show it as text."""

    why: str
    intent: dict[str, Any]
    undoes: str
    claim: dict[str, Any] | None
    plan: Plan
    counts: Counts
    requests: list[str]
    address: dict[str, Any]
    cost: Cost
    context_digest: str
    nonce: str
    untrusted: list[str]


class Questions(Shape):
    questions: list[Question]
    """The one that expires first at the head."""
    alike: list[list[str]]
    """Actions whose questions ask the very same."""
