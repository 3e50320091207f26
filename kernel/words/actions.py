"""The bodies of an action's entries, from `action.received` to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from infrafabric.kernel.words.access import Assertion
from infrafabric.kernel.words.attempts import Attempted
from infrafabric.kernel.words.base import LATER, Word
from infrafabric.kernel.words.body import Body
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.manifest import Cost
from infrafabric.kernel.words.names import Digest
from infrafabric.kernel.words.plan import Decision, Outcome, Plan, Verdict
from infrafabric.kernel.words.policy import Pending, Retry, Spending

__all__ = [
    "ActionCancelled",
    "ActionClosed",
    "ActionDecided",
    "ActionPlanned",
    "ActionReceived",
    "ActionRefused",
    "ApprovalExpired",
    "ApprovalGiven",
    "ApprovalRefused",
    "EffectIntended",
    "EffectObserved",
    "GuestRun",
    "PlanFalsified",
    "SecretUsed",
]


class ActionReceived(Body):
    """Someone asked for an action. `intent` was valid JSON and held no secret; nothing else is known of it yet."""

    capability: str
    intent: Mapping[str, Any]
    why: str
    purpose: Literal["plan", "apply", "dry_run", "undo"]
    idempotency_key: str = ""
    undoes: str = ""
    """Action that this one takes back."""
    claim: Claim | None = None
    """What the asker says it rests on."""
    evidence: tuple[Digest, ...] = ()
    """Digests of the evidence that was handed in: the bytes were there."""
    falsify: bool = False
    """Whether the plan is to withstand attempts to refute it before it is applied."""
    unattended: Annotated[bool, LATER] = False
    """Whether a credential that works by itself asked: then no person acted in person."""
    deadline: Annotated[str, LATER] = ""
    """RFC 3339: when it is worth nothing any more; "" where the ask came with no deadline."""


class GuestRun(Word):
    """All that a guest run depended on, so that it can be replayed: feed `answers` back, compare `requests`."""

    op: Literal["plan", "apply"]
    adapter: str
    runtime: str
    seed: int
    argument: str
    """Digest of the argument's canonical JSON; the argument itself is the intent or plan recorded beside it."""
    requests: tuple[Mapping[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]
    result: str = ""
    """Digest of the final answer's canonical JSON; "" where the run ended early."""
    error: str = ""
    """Code with which the run ended early. A last request without an answer is the one that it was ended at."""
    cpu_us: int = 0
    """CPU time of the guest, in microseconds."""


class ActionRefused(Body):
    """The action ends here, before anything was written."""

    station: str
    code: str
    message: str
    capability: str = ""
    undoes: str = ""
    idempotency_key: str = ""
    """Free again: nothing was written, and the same ask may succeed later."""
    apply_run: GuestRun | None = None
    """The guest's apply as far as it came, where it had begun."""
    spent: Spending | None = None
    """Nothing, under the day for which something had been set aside: that is free again."""
    retry: Retry | None = None
    """When the same ask may succeed, where that is known."""


class ActionPlanned(Body):
    capability: str
    adapter: str
    runtime: str
    plan: Plan
    address: Mapping[str, Any]
    requests: tuple[str, ...]
    """Each change as its driver would send it, in one line, secrets masked."""
    hazards: tuple[str, ...]
    cost: Cost
    records: tuple[str, ...]
    """Digests of the trust, talent, target, grant and policy records that the decision rested on."""
    changes_digest: str
    context_digest: str
    run: GuestRun | None = None
    """None for an undo of an event: there is no state that a guest could look at."""


class ActionDecided(Body):
    decision: Decision
    changes_digest: str
    context_digest: str
    capability: str = ""
    pending: Pending | None = None
    """The question to people, where the action waits for them."""
    reserved: Spending | None = None
    """What was set aside for it in the budgets."""


class ApprovalGiven(Body):
    """Someone agreed to a plan that waits: a person, who signed `kernel.approving.approval_bytes`, or a second source,
    which is another action with the same plan."""

    approver: str
    """Talent id."""
    verdict: Verdict
    context_digest: str
    nonce: str
    expires: str
    why: str = ""
    key: str = ""
    """The approver's enrolled public key, base64; "" for a source and for a passkey."""
    signature: str = ""
    """Ed25519, base64; "" for a source and for a passkey."""
    source: str = ""
    """Action of a second source; "" for a person."""
    assertion: Annotated[Assertion | None, LATER] = None
    """Of the approver's passkey, where it was signed with one."""


class ApprovalRefused(Body):
    """A person refused a plan that waits; the action ends. Signed as an approval is, with the verdict DENY."""

    approver: str
    context_digest: str
    nonce: str
    expires: str
    why: str
    key: str = ""
    signature: str = ""
    assertion: Annotated[Assertion | None, LATER] = None


class ApprovalExpired(Body):
    """Nobody answered in time, or the talent asked so much more that its oldest question gave way."""

    nonce: str
    cause: Literal["time", "displaced"]


class PlanFalsified(Body):
    """Attempts were made to refute a plan before it was applied. The action goes on only where each of them failed."""

    capability: str
    why: str
    by: str = ""
    """Talent that had it tried; "" in entries from before this was kept."""
    changes_digest: str
    """Of the plan that was tried."""
    attempts: tuple[Attempted, ...]


class EffectIntended(Body):
    change: str
    effect: str
    request: str
    """The request in one line, secrets masked."""
    attempt: int = 1
    provider_key: str = ""
    retry: Retry | None = None
    """Where the attempt is not the only one."""
    first_at: Annotated[str, LATER] = ""
    """When the first attempt was about to be made, RFC 3339 UTC: a provider's key is honoured from then on."""


class EffectObserved(Body):
    """What came back. `result` says whether the write is known to have been taken, refused, or neither."""

    change: str
    effect: str
    result: Literal["answered", "failed", "not_sent", "unknown"]
    answer: Mapping[str, Any] | None = None
    code: str = ""
    message: str = ""
    attempt: int = 1
    elapsed_us: int = 0
    """From before the request to after its answer, in microseconds."""
    retry: Retry | None = None
    """Whether it is tried again, and when."""


class ActionCancelled(Body):
    """The action was cancelled while nobody knew what became of an event's write: no kernel sends it again."""

    capability: str
    by: str = ""
    """Talent that cancelled it; "" where its asker went away."""
    why: str = ""


class ActionClosed(Body):
    capability: str
    outcome: Outcome
    code: str = ""
    message: str = ""
    remains: Plan | None = None
    """What the adapter still found to do."""
    observed: Any = None
    """What the adapter saw at the end, where it says so."""
    apply_run: GuestRun | None = None
    verify_run: GuestRun | None = None
    undoes: str = ""
    taken: Annotated[bool, LATER] = False
    """Of an undo that failed: whether it changed something all the same, or may have. It is then not tried again."""
    spent: Spending | None = None
    """What it cost after all; what was reserved beyond it is free again."""


class SecretUsed(Body):
    names: tuple[str, ...]
