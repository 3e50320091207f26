"""By what a caller from outside the process is known: API keys, identities of an OpenID provider, passkeys.

Each belongs to one talent and gives nothing beyond what that talent may do; an API key's scopes take away from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from infrafabric.kernel.words.base import LATER, Word
from infrafabric.kernel.words.body import Signed
from infrafabric.kernel.words.names import Digest, TalentId, TenantId

__all__ = [
    "AccessScope", "ApiKey", "ApiKeyChanged", "Assertion", "Identity", "IdentityChanged", "Passkey", "PasskeyChanged",
]  # fmt: skip

Label = Annotated[str, StringConstraints(max_length=100)]
Base64Url = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,8192}$")]
Expiry = Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)?$")]


class AccessScope(StrEnum):
    """What a key may be used for, of what its talent may do."""

    READ = "read"
    """Capabilities, targets, what was asked and decided, the log as far as the policies let the talent read it."""
    PLAN = "plan"
    """Plans and dry runs: they read from targets and write nothing."""
    ACT = "act"
    """Apply, undo, cancel; messages."""
    APPROVE = "approve"
    """Hand in signed answers to plans that wait."""
    ADMINISTER = "administer"
    """Change talents, grants, budgets, policies, secrets, targets, adapters and trust."""
    METRICS = "metrics"
    """The metrics page and the health of the parts, and nothing else."""


class ApiKey(Word):
    """An API key as the log knows it: what is needed to recognise its text, and not the text."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{12}$")]
    """Public part of the key's text, by which it is found."""
    talent: TalentId
    tenant: TenantId = "default"
    digest: Digest
    """SHA-256 of the key's whole text, which holds 256 random bits: nothing slower is needed."""
    scopes: Annotated[tuple[AccessScope, ...], Field(min_length=1)]
    expires: Expiry = ""
    """RFC 3339 UTC, to the second; "" where it holds until it is revoked."""
    label: Label = ""
    follows: Annotated[str, LATER] = ""
    """Id of the key that it replaces."""


class Identity(Word):
    """That whom an OpenID provider calls `subject` is a talent here."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]{1,500}$")]
    subject: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    talent: TalentId
    tenant: TenantId = "default"

    @property
    def key(self) -> str:
        return f"{self.issuer} {self.subject}"


class Passkey(Word):
    """A WebAuthn credential of a person (W3C Web Authentication, level 3)."""

    id: Base64Url
    """The credential's id."""
    talent: TalentId
    tenant: TenantId = "default"
    public_key: Base64Url
    """COSE_Key (RFC 9052 section 7)."""
    rp_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{1,253}$")]
    """The host name that it was made for, and works for alone."""
    label: Label = ""


class Assertion(Word):
    """What an authenticator signed: its data, and the client data whose challenge is the SHA-256 of the statement."""

    credential: Base64Url
    authenticator_data: Base64Url
    client_data: Base64Url
    signature: Base64Url
    public_key: Annotated[Base64Url | Literal[""], LATER] = ""
    """As the credential was enrolled, and what else it takes to verify it without the home."""
    rp_id: Annotated[str, LATER] = ""


class ApiKeyChanged(Signed):
    change: Literal["set", "revoked"]
    value: ApiKey


class IdentityChanged(Signed):
    change: Literal["set", "revoked"]
    value: Identity


class PasskeyChanged(Signed):
    change: Literal["set", "revoked"]
    value: Passkey
