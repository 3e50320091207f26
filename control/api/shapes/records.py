"""What operators change: targets, talents, roles, grants and budgets, as ifctl gives them with `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from infrafabric.control.api.shapes.common import Shape, Taken, Why, optional
from infrafabric.kernel.words.manifest import Hazard, Name, Scope, SettingName
from infrafabric.kernel.words.policy import Role, RoleName
from infrafabric.kernel.words.things import AddressClass, Grant, Rate, SecretReference, Talent, Target

__all__ = [
    "BudgetChange", "BudgetRemoved", "BudgetTaken", "Budgets", "GrantChange", "GrantRevoked", "GrantTaken", "Grants",
    "RoleChange", "RoleRemoved", "RoleTaken", "Roles", "TalentAdded", "TalentChange", "TalentKey", "TalentShown",
    "TalentTaken", "Talents", "TargetChange", "TargetTaken", "Targets",
]  # fmt: skip

Named = Annotated[str, StringConstraints(min_length=1, max_length=300)]
TenantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
RoleList = Annotated[tuple[RoleName, ...], Field(max_length=64)]

# --- targets


class TargetTaken(Taken):
    """A target as a whole: what is left out is as if it had never been."""

    settings: Mapping[SettingName, Annotated[str, StringConstraints(max_length=2_000)]] = {}
    secrets: Mapping[SettingName, SecretReference] = {}
    """References, such as vault:NAME; never a value."""
    allow_addresses: Annotated[tuple[AddressClass, ...], Field(max_length=8)] = ()
    timeout_s: Annotated[float, Field(gt=0, le=600)] | None = None
    rate: Rate | None = None
    hazards: Mapping[Name, Annotated[tuple[Hazard, ...], Field(max_length=32)]] = {}
    tenant: TenantName | None = None
    """Of a new one; left out, the caller's. It never changes."""
    why: Why


class TargetRow(Target):
    """A target, how it was last found, and what is cut off."""

    health: dict[str, Any] | None
    breakers: list[dict[str, Any]]


class Targets(Shape):
    targets: list[TargetRow]
    next: str | None


class TargetChange(Shape):
    target: Target
    change: Literal["added", "set", "removed"]
    revoked: list[Grant] | None = optional
    """Grants on it that ended with it."""
    notes: list[str] | None = optional


# --- talents


class TalentTaken(Taken):
    """A talent as a whole but for its key and its tenant, which never changes."""

    roles: RoleList = ()
    groups: RoleList = ()
    tags: RoleList = ()
    owner: Named | None = None
    confidence_required: bool = False
    rate: Rate | None = None
    why: Why


class TalentAdded(TalentTaken):
    name: Named
    """Finance.Agent, or in full if://agent/Finance.Agent."""
    kind: Literal["person", "agent", "service"] = "agent"
    key: Annotated[str, StringConstraints(max_length=100)] | None = None
    """Its Ed25519 public key, base64."""
    tenant: TenantName | None = None
    """Left out, the caller's."""


class TalentKey(Taken):
    key: Annotated[str, StringConstraints(max_length=100)]
    """Ed25519 public key, base64. The private one stays where it was made."""
    replace: bool = False
    why: Why


class HeldGrant(Grant):
    ended: bool


class TalentRow(Talent):
    revoked: bool
    grants: list[HeldGrant]
    """Its own and those of its groups."""


class TalentShown(TalentRow):
    holds: list[str]
    """Roles, with all that they include."""
    owns: list[str]


class Talents(Shape):
    talents: list[TalentRow]
    next: str | None


class TalentChange(Shape):
    talent: Talent
    change: Literal["added", "set", "revoked", "key"]


# --- roles


class RoleTaken(Taken):
    includes: RoleList = ()
    tenant: TenantName | None = None
    why: Why


class RoleRemoved(Taken):
    tenant: TenantName | None = None
    why: Why


class RoleRow(Shape):
    name: str
    tenant: str
    defined: bool
    includes: list[str]
    holds: list[str]
    """All that it includes, at any depth."""
    talents: list[str]


class Roles(Shape):
    roles: list[RoleRow]


class RoleChange(Shape):
    role: Role
    change: Literal["set", "removed"]
    holds: list[str] | None = optional


# --- grants


class GrantPlace(Taken):
    """Whose grant of what, where."""

    talent: Named | None = None
    group: RoleName | None = None
    """Instead of a talent: all those of a group."""
    capability: Named
    target: Annotated[str, StringConstraints(max_length=100)] | None = None
    """Left out, the only one that fits."""
    tenant: TenantName | None = None
    """Of a group; left out, the caller's."""
    why: Why


class GrantTaken(GrantPlace):
    scopes: Annotated[tuple[Scope, ...], Field(max_length=32)] = ()
    only: dict[str, Any] = {}
    """JSON Schema that the intent must fit besides the capability's own."""
    expires: Annotated[str, StringConstraints(max_length=60)] = ""
    """RFC 3339, or so long from now: 90m, 12h, 7d, 2w."""


class GrantRevoked(GrantPlace):
    pass


class GrantRow(HeldGrant):
    id: str
    """Holder, capability and target."""


class Grants(Shape):
    grants: list[GrantRow]
    next: str | None


class GrantChange(Shape):
    grant: Grant
    change: Literal["granted", "revoked"]
    notes: list[str] | None = optional
    """What is odd of it."""


# --- budgets


class BudgetPlace(Taken):
    subject: Named
    """talent:Finance.Agent, capability:vmix.switcher or tenant:default."""
    unit: Literal["money", "requests", "tokens"] = "money"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    """ISO 4217, of money; USD where it is left out."""
    period: Literal["day", "month"]
    tenant: TenantName | None = None
    """Of a capability's budget: whose use of it is limited."""
    why: Why


class BudgetTaken(BudgetPlace):
    limit: Annotated[str, StringConstraints(max_length=40)]
    """Such as 25.00; 0 forbids all."""


class BudgetRemoved(BudgetPlace):
    pass


class BudgetShape(Shape):
    subject: str
    unit: str
    currency: str
    period: str
    limit: str | int
    """Money as a decimal string, all else as a number."""
    tenant: str
    key: str


class Standing(BudgetShape):
    """How a budget stands in its present day or month."""

    used: str | int
    reserved: str | int
    left: str | int
    percent: int
    resets_at: str


class Budgets(Shape):
    budgets: list[Standing]
    doubted: list[str]
    """Keys of budgets that no present operator signed: they refuse all that falls under them."""


class BudgetChange(Shape):
    budget: BudgetShape
    change: Literal["set", "removed"]
    before: str | int | None = optional
    notes: list[str] | None = optional
