"""Targets, talents and grants: what the operator names, and who may do what to it.

Each is an entry in the log, signed by an operator key; these models are the entries' contents and the facts that the
log's fold keeps of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from infrafabric.kernel.words.base import LATER, Word
from infrafabric.kernel.words.manifest import Hazard, Name, Scope, SettingName
from infrafabric.kernel.words.names import CapabilityId, TalentId, TargetName, TenantId
from infrafabric.kernel.words.policy import RoleName

__all__ = ["AddressClass", "Grant", "Rate", "SecretReference", "Talent", "Target", "group_holder"]

SecretReference = Annotated[
    str, StringConstraints(pattern=r"^(vault|env|file|keyring|hashicorp|x-[a-z0-9-]{1,30}):.{1,500}$")
]


class AddressClass(StrEnum):
    """Where an address lies (RFC 6890). Only PUBLIC and PRIVATE are reached without an explicit grant."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    METADATA = "metadata"
    """169.254.169.254 and its like: a cloud's own credentials live there."""
    OTHER = "other"
    """Multicast, unspecified, reserved."""


class Rate(Word):
    """How often something may be asked for: a token bucket."""

    rps: Annotated[float, Field(gt=0, le=10_000)]
    burst: Annotated[int, Field(ge=1, le=10_000)]


class Target(Word):
    """A system that the operator named, with where it is and what may be reached there."""

    name: TargetName
    tenant: TenantId = "default"
    settings: Mapping[SettingName, str] = {}
    secrets: Mapping[SettingName, SecretReference] = {}
    allow_addresses: tuple[AddressClass, ...] = ()
    """Special address classes that the operator granted for this target."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] | None = None
    """Lowers the manifests' deadline."""
    rate: Rate | None = None
    """Of all that is asked for here, whoever asks for whatever."""
    hazards: Annotated[Mapping[Name, tuple[Hazard, ...]], LATER] = {}
    """Hazards that the operator adds, by effect; under `any` those of every write here."""


class Talent(Word):
    """A principal: a person, agent or service."""

    id: TalentId
    tenant: TenantId = "default"
    roles: tuple[RoleName, ...] = ()
    groups: Annotated[tuple[RoleName, ...], LATER] = ()
    """Names that it shares with others: what is granted to one of them it was granted too."""
    tags: Annotated[tuple[RoleName, ...], LATER] = ()
    """What it is good at, as the operator says: counts where a task looks for a talent."""
    owner: TalentId | None = None
    key: str | None = None
    """Enrolled Ed25519 public key, base64."""
    confidence_required: bool = False
    rate: Rate | None = None
    """Of all that the talent asks for, wherever."""


GroupHolder = Annotated[str, StringConstraints(pattern=r"^group:[a-z][a-z0-9-]{0,31}$")]


def group_holder(group: str) -> str:
    """How a grant names a group of talents as its holder."""
    return f"group:{group}"


class Grant(Word):
    """That a talent, or each talent of a group, may plan and apply a capability on a target."""

    talent: TalentId | GroupHolder
    """Who holds it: a talent, or `group:NAME` for all talents of its tenant that are of the group."""
    capability: CapabilityId
    target: TargetName
    tenant: TenantId = "default"
    scopes: tuple[Scope, ...] = ()
    only: Annotated[Mapping[str, Any], LATER] = {}
    """JSON Schema 2020-12 that the intent must fit besides the capability's own; empty: any intent."""
    expires: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)?$"), LATER] = ""
    """RFC 3339 UTC, to the second; "" where it holds until it is revoked."""

    @property
    def key(self) -> str:
        return f"{self.talent} {self.capability} {self.target}"
