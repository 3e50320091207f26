"""What the kernel needs of the other folders, as protocols: they implement these, `control/` wires them in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused, Body, Fact, Kind
from infrafabric.kernel.words.manifest import Cost, Manifest
from infrafabric.kernel.words.plan import Decision, Plan
from infrafabric.kernel.words.policy import Pending, Spending
from infrafabric.kernel.words.things import Talent, Target

__all__ = [
    "Answer",
    "Appended",
    "Approvals",
    "Asked",
    "Breakers",
    "Budgets",
    "Capability",
    "Driver",
    "DriverCall",
    "Entry",
    "EventLog",
    "Facts",
    "Failing",
    "Governor",
    "Guard",
    "Health",
    "Log",
    "Project",
    "Question",
    "Redactor",
    "Registry",
    "Reserved",
    "SecretBackend",
    "Secrets",
    "Signals",
    "Sourced",
    "Stops",
]


# --- registry ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability that was verified, allowed, not revoked, and whose bytes are at hand."""

    manifest: Manifest
    digest: str
    """Digest of the bundle: of the signed manifest bytes, which name every file's digest."""
    publisher: str
    """Name of the publisher in the trust set."""
    files: Mapping[str, bytes]
    records: tuple[str, ...]
    """Digests of the trust records that allowed it."""


Purpose = Literal["plan", "apply", "dry_run", "undo"]


class Registry(Protocol):
    def resolve(self, capability_id: str) -> Capability:
        """The capability now allowed under that id. Raises the reason why there is none."""
        ...

    def recorded(self, capability_id: str, digest: str) -> Capability:
        """The bundle that a recorded run named, allowed or not, for replay. Raises IF_ERR_REPLAY_UNAVAILABLE."""
        ...

    def recheck(self, capability: Capability) -> None:
        """Raise if the trust set no longer allows what `resolve` gave. Called before every write; no I/O."""
        ...


# --- guard and governor --------------------------------------------------------------------------------------------


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


class Guard(Protocol):
    def decide(self, question: Question) -> Decision:
        """The verdict, from facts at hand. Never raises for policy reasons: what it cannot decide is DENY."""
        ...


class Governor(Protocol):
    async def admit(self, talent: Talent, capability: Capability, target: Target) -> None:
        """Charge rate and planning quota. Raises IF_ERR_RATE_LIMITED or IF_ERR_BUSY with retry_after."""
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
    def calling(self, capability: str, target: Target, trace: str) -> AbstractAsyncContextManager[Failing]:
        """Around one driver call: cuts calls off from a target that keeps failing, and counts how this one ends.

        What is given takes the code of a failure that is not raised. Raises IF_ERR_BREAKER_OPEN with `retry_after`,
        before anything is sent.
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


# --- drivers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the world answered to an effect, as it is given to a guest and recorded: JSON, secrets redacted.

    An http answer is `{"status", "headers", "body"}`, with `"encoding": "base64"` where the body is not text.
    """

    value: Mapping[str, Any]
    ok: bool = True
    """Whether the peer says that it did what was asked (for http: 2xx)."""
    problem: str = ""
    """Where not ok: what the peer said, in one line, secrets redacted."""
    conclusive: bool = True
    """Whether a no is one: after an http 5xx the request may have been acted on all the same."""
    later: bool = False
    """Whether the same request may be taken later (for http: 408, 425, 429, 502, 503, 504)."""
    retry_after: float | None = None
    """Seconds until then, where the peer says so."""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class DriverCall:
    """One effect to perform: the signed template, its arguments, and where."""

    manifest: Manifest
    effect: str
    args: Mapping[str, Any]
    target: Target
    provider_key: str | None = None
    """Idempotency key for the provider, where the effect declares one."""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a target was found when a driver last had to do with it."""

    state: Literal["up", "connecting", "down", "refused"]
    """`refused`: it answered, and did not let us in (a wrong password, a revoked token)."""
    detail: str = ""
    """One line, secrets redacted: why it is not up, or what the peer says it is."""
    latency_ms: float | None = None
    """Of the last request, or of connecting."""
    reconnects: int = 0
    """Connections that were made after the first."""


class Signals(Protocol):
    """That a peer told of a change. What changed is not said: the kernel looks."""

    async def wait(self) -> None:
        """Return once the peer has told of something since the last `wait` (or since these signals were opened)."""
        ...


class Driver(Protocol):
    """Host code that performs effects. One instance serves all targets of its kind and keeps their connections."""

    name: str

    def check(self, manifest: Manifest) -> None:
        """Raise IF_ERR_MANIFEST_INVALID for templates that this driver could not perform. Pure."""
        ...

    async def address(self, manifest: Manifest, target: Target) -> Mapping[str, Any]:
        """Where calls go, for `changes_digest`: scheme, host, port, tls, class; ip where it is plaintext or private.

        Resolves and checks it; raises IF_ERR_ADDRESS_REFUSED, IF_ERR_ADDRESS_CHANGED, IF_ERR_TARGET_SETTINGS.
        """
        ...

    def describe(self, call: DriverCall) -> str:
        """The request in one line, as an approver reads it, secrets masked. Raises IF_ERR_EFFECT_ARGUMENT. Pure."""
        ...

    async def perform(self, call: DriverCall, secrets: Mapping[str, str]) -> Answer:
        """Make the request once. Raises IF_ERR_TARGET_*, IF_ERR_ANSWER_*, IF_ERR_ADDRESS_*, IF_ERR_REDIRECT_REFUSED.

        An error with `retryable` set by its code and raised before anything was sent is IF_ERR_TARGET_UNREACHABLE;
        after something was sent the effect may have happened, whatever is raised.
        """
        ...

    def signals(
        self, manifest: Manifest, target: Target, secrets: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Signals] | None:
        """What `manifest.signals` asks this driver to listen for; None where this driver cannot listen.

        Entering connects and subscribes where that has not happened yet. Raises as `perform` does.
        """
        ...

    def health(self) -> Mapping[str, Health]:
        """The targets that this driver had to do with, by name, as they were last found. No I/O."""
        ...

    async def check_health(self, manifest: Manifest, target: Target, secrets: Mapping[str, str]) -> Health:
        """Reach the target now: connect, and be let in where its connections begin so. Asks for nothing and alters
        nothing. Never raises for what the target does."""
        ...

    async def forget(self, target: str) -> None:
        """Drop what is kept of a target, connections and pinned addresses: an operator changed or removed it."""
        ...

    async def close(self) -> None: ...


# --- the log -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded. The log adds index, time, sequence number, nonce and salt."""

    kind: Kind
    body: Body
    action: str = ""
    """uuidv7 of the action, or "" for entries that belong to none."""
    actor: str = "if://kernel/self"
    """Talent id; only its keyed pseudonym is in the leaf."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry now durably is."""

    index: int
    at: str
    tree_size: int
    """Size of the signed checkpoint that covers it."""


Project = Callable[[Entry, int, str], Iterable[Fact]]
"""The fold: an entry with its index and time → the facts it sets. Pure; run inside the append's transaction."""


class Facts(Protocol):
    """The log's fold, as JSON values under (table, key). Reads see every entry whose append was awaited."""

    def get(self, table: str, key: str) -> Any | None: ...

    def stored(self, table: str, key: str) -> bytes | None:
        """The same as canonical JSON: equal bytes as long as the fact stands unchanged."""
        ...

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        """Pairs (key, value) in order of key."""
        ...


class Log(Protocol):
    @property
    def origin(self) -> str: ...

    @property
    def facts(self) -> Facts: ...

    async def append(self, *entries: Entry) -> Sequence[Appended]:
        """Record entries in one transaction, in order; returns when they are durable and under a signed checkpoint.

        Cancelling the caller does not take the entries back. Raises IF_ERR_LOG_STOPPED, IF_ERR_LOG_CLOCK,
        IF_ERR_DISK_FULL; entries that close what is under way (`effect.observed`, `action.closed`) use room kept back.
        """
        ...

    def entries(self, action: str) -> Sequence[tuple[int, Kind, Mapping[str, Any] | None]]:
        """Index, kind and body (None: erased) of an action's entries, in order. Reads and checks stored bytes."""
        ...

    async def receipt(self, action: str) -> bytes:
        """The receipt of an action: its entries opened, an inclusion proof each, one checkpoint (JSON bytes)."""
        ...

    def watch(self) -> AsyncIterator[tuple[int, Entry]]:
        """Entries as they become durable."""
        ...


# --- secrets -------------------------------------------------------------------------------------------------------


class Secrets(Protocol):
    def resolve(self, reference: str, target: Target | None = None) -> str:
        """The value behind a reference, for the use of `target`; the redactor then knows it. May block on a network.

        Raises IF_ERR_SECRET_*, IF_ERR_EXTRA_MISSING, IF_ERR_TOO_LARGE, IF_ERR_VAULT_*, IF_ERR_KEY_*,
        IF_ERR_PASSPHRASE_*.
        """
        ...

    async def open(self, references: Mapping[str, str], target: Target) -> Mapping[str, str]:
        """The values behind all `references`, by the same names. Raises as `resolve` does, and does not block."""
        ...


class SecretBackend(Protocol):
    """What keeps secrets outside of the home, under a scheme of its own."""

    def get(self, name: str) -> str:
        """The value of what follows the scheme in a reference. May block; called in a thread, by several at once.

        Raises IF_ERR_SECRET_REFERENCE (not of this backend's form), IF_ERR_SECRET_UNKNOWN, IF_ERR_SECRET_BACKEND,
        IF_ERR_SECRET_BACKEND_AUTH.
        """
        ...


class EventLog(Protocol):
    """The structured logger: what is said beside answers and entries. Secrets are masked; nothing raises."""

    def info(self, event: str, **values: object) -> object: ...

    def warning(self, event: str, **values: object) -> object: ...

    def error(self, event: str, **values: object) -> object: ...


class Redactor(Protocol):
    def redact(self, text: str) -> str:
        """`text` with every secret value handed out so far (also as base64, URL-encoded or JSON-escaped) masked."""
        ...

    def found(self, text: str) -> bool:
        """Whether `text` holds a secret value handed out so far."""
        ...
