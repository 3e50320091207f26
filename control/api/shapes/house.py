"""What is the whole home's: policies, trust set, adapters, stops, breakers and the names of secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from infrafabric.control.api.shapes.common import Shape, Taken, Why, optional
from infrafabric.kernel.words.policy import Needs

__all__ = [
    "AdapterInstalled", "AdapterRemoved", "AdapterTaken", "Adopted", "Allowing", "Breakers", "BreakersClosed",
    "Checked", "ClosingBreakers", "InForce", "Loaded", "PolicyFiles", "PolicySet", "Revoking", "SecretAllowed",
    "SecretChanged", "SecretRotated", "SecretTaken", "Secrets", "StopChanged", "StopTaken", "Stops", "TrustShown",
]  # fmt: skip

Files = Annotated[dict[str, Annotated[str, StringConstraints(max_length=1 << 20)]], Field(min_length=1, max_length=200)]
"""Policy files by name, such as studio-a.cedar."""
Named = Annotated[str, StringConstraints(min_length=1, max_length=300)]

# --- policies


class PolicyFiles(Taken):
    files: Files


class PolicySet(PolicyFiles):
    why: Why


class PolicyProblem(Shape):
    file: str
    line: int
    message: str


class Checked(Shape):
    """Whether policies could be taken into force."""

    valid: bool
    problems: list[PolicyProblem]
    differs: dict[str, Literal["added", "changed", "removed"]]
    """By file, how they differ from those in force."""
    digest: str | None = optional
    policies: int | None = optional
    doubtful_hazards: dict[str, str] | None = optional


class PolicyRule(Shape):
    id: str
    file: str
    line: int
    verdict: str
    needs: Needs | None
    reason: str


class InForce(Shape):
    in_force: bool
    digest: str
    policies: list[PolicyRule]
    files: dict[str, str]


class Loaded(Shape):
    digest: str
    policies: int
    changed: dict[str, Literal["added", "changed", "removed"]]


# --- breakers


class Breaker(Shape):
    target: str
    capability: str
    state: Literal["open", "half_open"]
    failures: int
    cause: str
    until: str
    at: str


class Breakers(Shape):
    breakers: list[Breaker]
    """Those that are not closed."""


class ClosingBreakers(Taken):
    target: Named
    why: Why


class BreakersClosed(Shape):
    target: str
    closed: list[str]
    """Capabilities whose calls go through again."""


# --- stops


class StopTaken(Taken):
    """What is halted, or goes on: all, one capability, or one talent."""

    scope: Literal["all", "capability", "talent"]
    name: Annotated[str, StringConstraints(max_length=300)] = ""
    why: Why


class StopShape(Shape):
    scope: Literal["all", "capability", "talent"]
    name: str
    by: str
    at: str
    why: str
    recorded: bool
    lifting: bool
    what: str


class Stops(Shape):
    stops: list[StopShape]


class StopSaid(Shape):
    scope: Literal["all", "capability", "talent"]
    name: str
    by: str
    why: str
    change: Literal["set", "lifted"]
    recorded: bool
    """Whether the log says so yet; a stop holds all the same."""


class StopChanged(Shape):
    stop: StopSaid


# --- secrets

SecretValue = Annotated[str, StringConstraints(min_length=1, max_length=64 << 10)]
TargetList = Annotated[tuple[Annotated[str, StringConstraints(max_length=100)], ...], Field(max_length=256)]
TenantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]


class SecretTaken(Taken):
    value: SecretValue
    """Kept in the vault, and never answered."""
    targets: TargetList = ()
    """Targets that may use it; none named: all of its tenant."""
    tenant: TenantName | None = None
    why: Why


class SecretRotated(Taken):
    value: SecretValue | None = None
    """The new value; left out with `back`."""
    overlap_s: Annotated[int, Field(ge=0, le=90 * 86_400)] = 3_600
    """How long the former value stays known."""
    back: bool = False
    """Take the former value back instead."""
    why: Why


class SecretAllowed(Taken):
    targets: TargetList = ()
    tenant: TenantName | None = None
    why: Why


class SecretShape(Shape):
    targets: list[str]
    tenant: str
    referred_by: list[str]
    former_until: list[str]


class Secrets(Shape):
    secrets: list[str]
    kept: dict[str, SecretShape]


class SecretChanged(Shape):
    secret: str
    change: str
    targets: list[str] | None = optional
    of_tenant: str | None = optional
    until: str | None = optional
    notes: list[str] | None = optional


# --- trust and adapters


class TrustShown(Shape):
    """The trust set that holds."""

    digest: str
    format: str
    version: int
    expires: str
    root_keys: list[str]
    threshold: int
    publishers: dict[str, Any]
    allow: dict[str, str]
    """Digests by id@version."""
    revoked: dict[str, dict[str, str]]
    operator_keys: list[str]
    signers: list[str]
    grace: dict[str, Any] | None


class Allowing(Taken):
    bundle: Named
    """vmix.switcher@1.2.0"""
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    why: Why


class Revoking(Taken):
    thing: Named
    """A public key, a bundle's digest, or ID@VERSION of one that is allowed."""
    why: Why


class Adopted(Shape):
    version: int
    digest: str
    change: str
    expires: str


class AdapterInstalled(Shape):
    capability: str
    version: str
    digest: str
    signers: list[str]


class AdapterTaken(Taken):
    bundle: Named
    """ID@VERSION or digest."""
    why: Why


class AdapterRemoved(Shape):
    capability: str
    version: str
    digest: str
    change: Literal["removed"]
