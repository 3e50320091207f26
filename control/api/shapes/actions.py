"""Actions, as `ifctl capability plan|apply|undo --json` and `ifctl action list|show --json` give them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from infrafabric.control.api.shapes.common import Problem, Reason, Shape, Taken, Why, optional
from infrafabric.kernel.words.attempts import Attempted
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.manifest import Hazard
from infrafabric.kernel.words.plan import Decision, Outcome, Plan
from infrafabric.kernel.words.policy import Pending, Retry

__all__ = [
    "ActionRow", "Actions", "Asked", "Begun", "Closed", "Closing", "Counts", "Planned", "Refused", "Replay", "Report",
    "Reported", "Told", "Undoing",
]  # fmt: skip

DigestOrNone = Annotated[str, StringConstraints(pattern=r"^(sha256:[0-9a-f]{64})?$")]
Named = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Asked(Taken):
    """An intent to be brought about, or looked at."""

    capability: Named
    """In full or short: vmix.switcher."""
    intent: dict[str, Any]
    """As the capability's `manifest.intent` says."""
    purpose: Literal["plan", "dry_run", "apply"]
    target: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    """Left out, the only one that fits."""
    why: Annotated[str, StringConstraints(max_length=1_000)] = ""
    """Recorded; an apply needs one."""
    expect: DigestOrNone = ""
    """`changes_digest` of the plan that was looked at; any other is refused."""
    hazards: Annotated[tuple[Hazard, ...], Field(max_length=32)] = ()
    """Hazards that the caller knows of."""
    claim: Claim | None = None
    """What it rests on."""
    falsify: bool = False
    """Whether to try to refute the plan first."""
    deadline_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    """Begin no write after so long."""


class Undoing(Taken):
    why: Why


class Closing(Taken):
    """What became of an action in doubt, on the word of a person who looked."""

    outcome: Literal["done", "undone", "failed"]
    why: Why


class Counts(Shape):
    add: int
    change: int
    remove: int


class Report(Shape):
    """What became of an ask."""

    action: str
    trace: str
    purpose: str
    capability: str
    target: str
    outcome: Outcome
    plan: Plan | None
    counts: Counts | None
    requests: list[str]
    """Each change as its driver sends it, secrets masked."""
    hazards: list[str]
    decision: Decision | None
    changes_digest: str
    context_digest: str
    remains: Plan | None
    """What is still to do, as the adapter saw it afterwards."""
    warnings: list[str] | None = optional
    attempts: list[Attempted] | None = optional
    """What was tried to refute the plan."""
    retries: dict[str, Retry] | None = optional
    pending: Pending | None = optional
    """The question to people, where it waits for them."""
    error: Reason | None = optional


class Planned(Shape):
    """The plan of an action; null where it came to none."""

    action: str
    purpose: str
    capability: str
    target: str
    plan: Plan | None
    counts: Counts | None
    requests: list[str]
    hazards: list[str]
    decision: Decision | None
    changes_digest: str
    context_digest: str


class Reported(Report):
    receipt: str | None
    """The receipt's bytes in base64, as `ifctl witness verify` takes them; null while the action is open."""


class Refused(Problem):
    """A refusal or a failure; where it is on record, with the action and what became of it."""

    action: str | None = optional
    report: Reported | None = optional


class Begun(Shape):
    """An action that goes on while its asker does not wait (RFC 7240 respond-async)."""

    action: str
    trace: str
    state: Literal["under_way"]


class Written(Shape):
    """A write of an action."""

    id: str
    effect: str
    result: str
    message: str


class Told(Report):
    """All that is known of an action."""

    state: str
    changes: list[Written]
    talent: str
    why: str
    at: str


class ActionRow(Shape):
    """What was asked for, and where it stands."""

    action: str
    at: str
    talent: str
    tenant: str
    target: str
    trace: str
    capability: str
    purpose: str
    why: str
    index: int
    """Of its first entry in the log."""
    state: str
    code: str
    message: str


class Actions(Shape):
    actions: list[ActionRow]
    next: str | None
    """Cursor to the page of older ones; a page may be short and yet have one."""


class Replay(Shape):
    """What a replay compared: all came out as recorded."""

    replayed: bool
    action: str
    runs: list[str]
    requests: int
    changes_digest: str
    context_digest: str


class Closed(Shape):
    action: str
    outcome: str
