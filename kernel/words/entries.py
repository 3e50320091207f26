"""What the log records: the kinds of entries and the body of each.

Every body names tenant, talent, target and trace ("" where there is none), so that each record says whose it is.
New kinds are added, never changed; a body only ever gains members with a default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from infrafabric.kernel.words.access import ApiKeyChanged, IdentityChanged, PasskeyChanged
from infrafabric.kernel.words.actions import (
    ActionCancelled,
    ActionClosed,
    ActionDecided,
    ActionPlanned,
    ActionReceived,
    ActionRefused,
    ApprovalExpired,
    ApprovalGiven,
    ApprovalRefused,
    EffectIntended,
    EffectObserved,
    GuestRun,
    PlanFalsified,
    SecretUsed,
)
from infrafabric.kernel.words.base import LATER
from infrafabric.kernel.words.body import Body, Fact, Signed
from infrafabric.kernel.words.messages import MessageAdmitted, MessageRefused
from infrafabric.kernel.words.policy import Budget, Role
from infrafabric.kernel.words.things import Grant, Talent, Target

__all__ = [
    "ASKS_KEYED",
    "ASKS_SUPPRESSED",
    "ActionCancelled",
    "ActionClosed",
    "ActionDecided",
    "ActionPlanned",
    "ActionReceived",
    "ActionRefused",
    "AdapterLoaded",
    "AdapterUnloaded",
    "ApiKeyChanged",
    "ApprovalExpired",
    "ApprovalGiven",
    "ApprovalRefused",
    "BODIES",
    "Body",
    "BodyErased",
    "BreakerChanged",
    "BudgetChanged",
    "ClockConfirmed",
    "CounterFlushed",
    "EffectIntended",
    "EffectObserved",
    "Fact",
    "GrantChanged",
    "GuestRun",
    "IdentityChanged",
    "KernelStarted",
    "KernelStopped",
    "Kind",
    "LogRekeyed",
    "MessageAdmitted",
    "MessageRefused",
    "OriginOpened",
    "PasskeyChanged",
    "PlanFalsified",
    "PolicyChanged",
    "RoleChanged",
    "SecretChanged",
    "SecretUsed",
    "Signed",
    "StopChanged",
    "TalentChanged",
    "TargetChanged",
    "TrustChanged",
    "TrustGraced",
    "erased_key",
    "erased_talent",
    "is_talent",
]


class Kind(StrEnum):
    KERNEL_STARTED = "kernel.started"
    KERNEL_STOPPED = "kernel.stopped"
    ORIGIN_OPENED = "origin.opened"
    TRUST_CHANGED = "trust.changed"
    TRUST_GRACED = "trust.graced"
    POLICY_CHANGED = "policy.changed"
    GRANT_CHANGED = "grant.changed"
    TALENT_CHANGED = "talent.changed"
    TARGET_CHANGED = "target.changed"
    SECRET_CHANGED = "secret.changed"
    ADAPTER_LOADED = "adapter.loaded"
    ADAPTER_UNLOADED = "adapter.unloaded"
    ACTION_RECEIVED = "action.received"
    ACTION_REFUSED = "action.refused"
    ACTION_PLANNED = "action.planned"
    ACTION_DECIDED = "action.decided"
    APPROVAL_GIVEN = "approval.given"
    APPROVAL_REFUSED = "approval.refused"
    APPROVAL_EXPIRED = "approval.expired"
    EFFECT_INTENDED = "effect.intended"
    EFFECT_OBSERVED = "effect.observed"
    ACTION_CLOSED = "action.closed"
    MESSAGE_ADMITTED = "message.admitted"
    MESSAGE_REFUSED = "message.refused"
    CALL_ADMITTED = "call.admitted"
    CALL_REFUSED = "call.refused"
    CALL_ENDED = "call.ended"
    SECRET_USED = "secret.used"
    BUDGET_CHANGED = "budget.changed"
    BODY_ERASED = "body.erased"
    CLOCK_CONFIRMED = "clock.confirmed"
    COUNTER_FLUSHED = "counter.flushed"
    ROLE_CHANGED = "role.changed"
    STOP_CHANGED = "stop.changed"
    BREAKER_CHANGED = "breaker.changed"
    PLAN_FALSIFIED = "plan.falsified"
    ACTION_CANCELLED = "action.cancelled"
    LOG_REKEYED = "log.rekeyed"
    API_KEY_CHANGED = "api_key.changed"
    IDENTITY_CHANGED = "identity.changed"
    PASSKEY_CHANGED = "passkey.changed"


class KernelStarted(Body):
    version: str
    runtime: str
    """Digest of the Python component."""
    development: bool
    pid: int
    notes: tuple[str, ...] = ()
    """What is weaker than usual here: confinement missing, clock ahead, …"""


class KernelStopped(Body):
    reason: str


class OriginOpened(Body):
    origin: str
    vkey: str
    why: str
    before: str = ""
    """Origin that this one follows, with the last checkpoint that was seen of it."""
    checkpoint: str = ""
    ended: Annotated[bool, LATER] = False
    """The old origin was ended because its key is in other hands: nothing that it signed counts beyond `trusted`."""
    trusted: Annotated[str, LATER] = ""
    """The last checkpoint of an ended origin that was kept elsewhere; "" where none was."""


class LogRekeyed(Body):
    """The log's key changes: from `begun` on every checkpoint bears the signatures of both keys, after `finished` that
    of the new one alone."""

    change: Literal["begun", "finished"]
    origin: str
    vkey: str
    """Verifier key that takes over."""
    former: str
    """Verifier key that goes."""
    until: str
    """RFC 3339 UTC: the first start after it finishes the change."""
    why: str
    operator: str = ""
    """Public key, base64. "" for an end that came with the date, as the signed beginning said."""
    signature: str = ""
    """Ed25519 over `kernel.authority.change_bytes`, base64."""
    checkpoint: str = ""
    """At the end: the checkpoint before this entry, which both keys signed."""


class ClockConfirmed(Body):
    """A person said that a clock far ahead is right. The entry's own time is the first that goes by it."""

    why: str
    accounted: str
    """The time that the log could account for by itself."""


class TrustChanged(Body):
    version: int
    digest: str
    why: str
    change: str
    """What was done, in words: `allow vmix.switcher@1.2.0 sha256:…`."""


class TrustGraced(Body):
    """An operator let the trust set hold on beyond its expiry for what is loaded. Only `document` is believed."""

    version: int
    trust: str
    """Digest of the set."""
    until: str
    why: str
    document: Mapping[str, Any]
    """`signed` and `signatures`, as `registry.trust_expiry` reads them."""


class TargetChanged(Signed):
    change: Literal["set", "removed"]
    value: Target


class TalentChanged(Signed):
    change: Literal["set", "revoked"]
    value: Talent


class GrantChanged(Signed):
    change: Literal["set", "revoked"]
    value: Grant


class RoleChanged(Signed):
    change: Literal["set", "removed"]
    value: Role


class PolicyChanged(Signed):
    """The policies that hold from now on, whole."""

    digest: str
    """Of the files, as `policy.files.digest_of` makes it."""
    files: Mapping[str, str]
    """Cedar text by file name."""


class BudgetChanged(Signed):
    change: Literal["set", "removed"]
    value: Budget


class StopChanged(Body):
    """New writes were halted, or may go on. Unsigned: a stop must not wait for a passphrase."""

    scope: Literal["all", "capability", "talent"]
    name: str
    """Of the capability or talent; "" for all."""
    change: Literal["set", "lifted"]
    why: str


class BreakerChanged(Body):
    """A capability's calls to a target (`target`) were cut off, are probed, or go on."""

    capability: str
    state: Literal["open", "half_open", "closed"]
    failures: int = 0
    cause: str = ""
    """Code of the last failure."""
    until: str = ""
    """RFC 3339 UTC: when one call may probe."""
    why: str = ""
    """Where a person closed it, or changed the target: the reason given."""


class SecretChanged(Body):
    """A secret was altered. The name only, never the value or anything made of it."""

    name: str
    change: Literal["set", "removed", "rotated", "returned", "allowed", "ended"]
    """`rotated`: a new value, the former one in overlap; `returned`: these two changed places; `ended`: what was left
    of overlaps was destroyed; `allowed`: other targets may use it."""
    targets: Annotated[tuple[str, ...], LATER] = ()
    """The targets that may use it from now on; empty with no `of_tenant`: every target."""
    of_tenant: Annotated[str, LATER] = ""
    until: Annotated[str, LATER] = ""
    """When the overlap ends, RFC 3339 UTC."""
    why: str


class AdapterLoaded(Body):
    capability: str
    version: str
    adapter: str
    """Digest of the bundle."""
    publisher: str


class AdapterUnloaded(Body):
    capability: str
    version: str
    adapter: str
    reason: str


class BodyErased(Body):
    """What the erased body protected against stays known without it: an undone action, a used idempotency key, what
    was spent of budgets."""

    index: int
    why: str
    action: str = ""
    """The action that the erased entry belonged to, where one of the following is set."""
    undone: str = ""
    """The action that it took back."""
    idempotency: str = ""
    """`salt:digest`, both hex: SHA-256 over the 16 salt bytes and `talent key` in UTF-8."""
    spent: Mapping[str, Any] | None = None
    """`{"key", "value"}` of the fact of what the action spent. Its talent is `#` with the `salt:digest` of its id."""


def erased_key(name: str, salt: bytes) -> str:
    """The `salt:digest` of a name in `BodyErased`: it can be recognised by who knows the name, and not be read."""
    return f"{salt.hex()}:{hashlib.sha256(salt + name.encode()).hexdigest()}"


def erased_talent(talent: str, salt: bytes) -> str:
    """The talent in `BodyErased.spent`; no talent's id begins so. One that is erased already stays as it is."""
    return talent if talent.startswith("#") else f"#{erased_key(talent, salt)}"


def is_talent(erased: str, talent: str) -> bool:
    """Whether an `erased_talent` is that talent."""
    salt = bytes.fromhex(erased.removeprefix("#").partition(":")[0])
    return erased_talent(talent, salt) == erased


ASKS_KEYED = "asks keyed"
ASKS_SUPPRESSED = "asks suppressed"


class CounterFlushed(Body):
    """What is counted rather than logged one by one: `counts` maps the cause of a refusal to a number.

    `ASKS_KEYED` is how many asks came under an idempotency key, `ASKS_SUPPRESSED` how many of them were answered with
    an action that was there already.
    """

    counts: Mapping[str, int]
    since: str


BODIES: Mapping[Kind, type[Body]] = {
    Kind.KERNEL_STARTED: KernelStarted,
    Kind.KERNEL_STOPPED: KernelStopped,
    Kind.ORIGIN_OPENED: OriginOpened,
    Kind.TRUST_CHANGED: TrustChanged,
    Kind.TRUST_GRACED: TrustGraced,
    Kind.TARGET_CHANGED: TargetChanged,
    Kind.TALENT_CHANGED: TalentChanged,
    Kind.GRANT_CHANGED: GrantChanged,
    Kind.SECRET_CHANGED: SecretChanged,
    Kind.ROLE_CHANGED: RoleChanged,
    Kind.POLICY_CHANGED: PolicyChanged,
    Kind.BUDGET_CHANGED: BudgetChanged,
    Kind.STOP_CHANGED: StopChanged,
    Kind.BREAKER_CHANGED: BreakerChanged,
    Kind.PLAN_FALSIFIED: PlanFalsified,
    Kind.ADAPTER_LOADED: AdapterLoaded,
    Kind.ADAPTER_UNLOADED: AdapterUnloaded,
    Kind.ACTION_RECEIVED: ActionReceived,
    Kind.ACTION_REFUSED: ActionRefused,
    Kind.ACTION_PLANNED: ActionPlanned,
    Kind.ACTION_DECIDED: ActionDecided,
    Kind.APPROVAL_GIVEN: ApprovalGiven,
    Kind.APPROVAL_REFUSED: ApprovalRefused,
    Kind.APPROVAL_EXPIRED: ApprovalExpired,
    Kind.EFFECT_INTENDED: EffectIntended,
    Kind.EFFECT_OBSERVED: EffectObserved,
    Kind.ACTION_CLOSED: ActionClosed,
    Kind.ACTION_CANCELLED: ActionCancelled,
    Kind.SECRET_USED: SecretUsed,
    Kind.BODY_ERASED: BodyErased,
    Kind.CLOCK_CONFIRMED: ClockConfirmed,
    Kind.LOG_REKEYED: LogRekeyed,
    Kind.API_KEY_CHANGED: ApiKeyChanged,
    Kind.IDENTITY_CHANGED: IdentityChanged,
    Kind.PASSKEY_CHANGED: PasskeyChanged,
    Kind.MESSAGE_ADMITTED: MessageAdmitted,
    Kind.MESSAGE_REFUSED: MessageRefused,
    Kind.COUNTER_FLUSHED: CounterFlushed,
}
"""The model of each kind that this version writes. Kinds without one are reserved by name."""
