"""Guard and governor as the kernel sees them: who decides, who agrees, what is limited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from infrafabric.kernel.errors import Code
from infrafabric.kernel.ports.registry import Capability, Purpose
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.manifest import Cost
from infrafabric.kernel.words.plan import Decision, Plan, Verdict
from infrafabric.kernel.words.policy import Pending, Spending
from infrafabric.kernel.words.things import Talent, Target

__all__ = [
    "Approvals",
    "Asked",
    "Breakers",
    "Budgets",
    "Failing",
    "Governor",
    "Guard",
    "Question",
    "Reserved",
    "Sourced",
    "Stops",
]


@dataclass(frozen=True, slots=True)
class Question:
    """What the guard is asked: may this talent do this, here? `plan` is None when it is asked about planning alone."""

    talent: Talent
    capability: Capability
    target: Target
    plan: Plan | None
    hazards: tuple[str, ...]
    """Manifest's, adapter's, operator's and caller's together."""
    dry_run: bool
    purpose: Purpose = "apply"
    intent: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = Cost()
    claim: Claim | None = None
    """What the asker says it rests on."""
    confidence: int | None = None
    """Permille, as far as the kernel could check it; None where none counts."""
    unattended: bool = False
    """Whether a credential that works by itself asks: then no person acts in person."""


class Guard(Protocol):
    def decide(self, question: Question) -> Decision:
        """The verdict, from facts at hand. Never raises for policy reasons: what it cannot decide is DENY."""
        ...


class Governor(Protocol):
    async def admit(self, talent: Talent, capability: Capability, target: Target) -> None:
        """Charge rate and planning quota. Raises IF_ERR_RATE_LIMITED or IF_ERR_BUSY with retry_after."""
        ...

    def charge(self, talent: Talent) -> None:
        """Charge the talent alone, for an ask that is refused before `admit`. Raises IF_ERR_RATE_LIMITED."""
        ...

    def turn(self, target: str, limit: int, talent: str = "") -> AbstractAsyncContextManager[None]:
        """The right to plan and apply on `target`, held by at most `limit` actions at once; talents take turns."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A plan that waits for people: the action, who asked, and the question as the log holds it."""

    action: str
    talent: str
    tenant: str
    capability: str
    target: str
    decision: Decision
    pending: Pending
    changes_digest: str
    context_digest: str
    evidence: frozenset[str] = frozenset()
    """What the asker's claim rests on, where it gave one."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """An action that planned and wrote nothing, as a second source for a plan that waits."""

    action: str
    talent: str
    tenant: str
    capability: str
    target: str
    purpose: Purpose
    changes_digest: str
    at: str
    """When it was asked for, RFC 3339 UTC."""
    evidence: frozenset[str] = frozenset()
    intent: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    """What was decided on its own plan."""
    checked: frozenset[str] = frozenset()
    """Digests of that evidence whose bytes were handed in."""


class Approvals(Protocol):
    def ask(self, decision: Decision) -> Pending:
        """The question that a HOLD or an ESCALATE puts to people: a fresh nonce, and when it expires."""
        ...

    def check(self, asked: Asked, given: ApprovalGiven, before: Sequence[ApprovalGiven]) -> None:
        """Raise IF_ERR_APPROVAL_INVALID unless `given` counts, beside those given before it."""
        ...

    def check_refusal(self, asked: Asked, refused: ApprovalRefused) -> None:
        """Raise IF_ERR_APPROVAL_INVALID unless who refused may."""
        ...

    def overdue(self, expires: str) -> bool:
        """Whether a question that expires then (RFC 3339) is over."""
        ...

    def counting(self, asked: Asked, given: Sequence[ApprovalGiven]) -> Sequence[ApprovalGiven]:
        """Those of `given` that count now: what was withdrawn since they were given takes them back. Never raises."""
        ...

    def missing(self, asked: Asked, given: Sequence[ApprovalGiven]) -> str:
        """What still lacks, in words; "" where enough agreed whose approvals count now. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was set aside for an action, with the day under which it counts, and which budgets run low, in words."""

    spending: Spending
    warnings: tuple[str, ...] = ()


class Budgets(Protocol):
    def reserve(self, talent: Talent, capability: str, target: Target, action: str, wanted: Spending) -> Reserved:
        """Set `wanted` aside in every budget that it falls under, at once or not at all.

        Raises IF_ERR_BUDGET_EXCEEDED with `retry_after`, IF_ERR_BUDGET_INVALID. Reads facts only.
        """
        ...

    def settle(self, action: str, spent: Spending) -> None:
        """Take what was spent for what was reserved. Does nothing for an action that reserved nothing. Never raises."""
        ...


Failing = Callable[[Code], None]
"""Takes the code of how a call failed that raised nothing."""


class Breakers(Protocol):
    def calling(
        self, capability: str, target: Target, trace: str, *, known: bool = False
    ) -> AbstractAsyncContextManager[Failing]:
        """Around one driver call: cuts calls off from a target that keeps failing, and counts how this one ends.

        What is given takes the code of a failure that is not raised. `known` says that the caller's last call failed
        and was counted: this one's failure then is not, except where it is the one that tries again. Raises
        IF_ERR_BREAKER_OPEN with `retry_after`, before anything is sent.
        """
        ...

    def forget(self, target: str) -> None:
        """An operator changed the target, or closed its breakers: what the facts say holds from now on."""
        ...


class Stops(Protocol):
    def check(self, talent: str, capability: str, action: str = "") -> None:
        """Raise IF_ERR_STOPPED where new writes were halted, IF_ERR_CANCELLED where `action` was cancelled from beside
        the kernel. Called before every write."""
        ...
