"""What goes into the road and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Purpose
from infrafabric.kernel.words.attempts import Attempted
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Decision, Outcome, Plan
from infrafabric.kernel.words.policy import Pending, Retry

__all__ = ["Ask", "Purpose", "Report"]


@dataclass(frozen=True, slots=True)
class Ask:
    """Someone wants an intent brought about. Names are full ids; `target` None means the only one there is."""

    capability: str
    talent: str
    intent: Mapping[str, Any]
    why: str
    purpose: Purpose = "apply"
    target: str | None = None
    idempotency_key: str = ""
    """Per talent. The same key and ask answers with the same action; another ask under it is refused."""
    trace: str = field(default_factory=new_trace_id)
    """W3C trace id."""
    hazards: tuple[str, ...] = ()
    """Hazards that the caller knows of, beyond the manifest's and the adapter's."""
    expect: str = ""
    """`changes_digest` of a plan that was looked at: any other plan is stale."""
    undoes: str = ""
    claim: Claim | None = None
    """What it rests on, and how sure the talent is of that."""
    evidence: tuple[str, ...] = ()
    """Digests of the claim's evidence that the door was given and hashed itself."""
    falsify: bool = False
    """Whether to try to refute the plan before it is applied, or people are asked about it."""
    unattended: bool = False
    """Whether a credential that works by itself asks, such as an API key: nobody acts in person then."""
    deadline_s: float | None = None
    """Seconds from the ask within which its last write begins; calls to the target take no longer. What was written
    still gets its time to settle."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an ask. `error` is set exactly when the outcome is waiting, refused, failed or in doubt."""

    action: str
    trace: str
    purpose: Purpose
    capability: str
    target: str
    outcome: Outcome
    error: FabricError | None = None
    plan: Plan | None = None
    requests: tuple[str, ...] = ()
    """Each change as its driver sends it, in one line, secrets masked."""
    hazards: tuple[str, ...] = ()
    decision: Decision | None = None
    changes_digest: str = ""
    context_digest: str = ""
    pending: Pending | None = None
    """The question to people, where the action waits for them."""
    warnings: tuple[str, ...] = ()
    """What runs low: budgets."""
    attempts: tuple[Attempted, ...] = ()
    """What was tried to refute the plan, where that was asked for."""
    remains: Plan | None = None
    retries: Mapping[str, Retry] = field(default_factory=dict)
    """By change id, where writes stand that were tried more than once."""
    receipt: bytes | None = None
