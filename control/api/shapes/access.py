"""By what callers are known: API keys, identities, sessions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints

from infrafabric.control.api.principal import Method
from infrafabric.control.api.shapes.common import Because, Shape, Taken, optional
from infrafabric.control.records.api_keys import LONGEST_OVERLAP_S
from infrafabric.kernel.words.access import AccessScope

__all__ = [
    "Identities", "IdentityChange", "IdentityRow", "KeyChange", "KeyMade", "KeyRotated", "KeyRow", "Keys", "Me",
    "NewIdentity", "NewKey", "NewSession", "Revocation", "RevokedIdentity", "Rotation", "SessionMade",
]  # fmt: skip

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
When = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Issuer = Annotated[str, StringConstraints(min_length=1, max_length=520)]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class KeyRow(Shape):
    """An API key, as far as it is told."""

    id: str
    talent: str
    tenant: str
    scopes: list[AccessScope]
    expires: str | None
    """RFC 3339; null where it holds until it is revoked."""
    label: str
    follows: str | None
    """Id of the key that it replaces."""
    expired: bool


class Keys(Shape):
    keys: list[KeyRow]
    next: str | None


class NewKey(Because):
    talent: Text
    scopes: Annotated[list[AccessScope], Field(min_length=1, max_length=len(AccessScope))]
    expires: When | None = None
    """90m, 12h, 7d, 2w from now, or an RFC 3339 time. Without it, the key holds until it is revoked."""
    label: Annotated[str, StringConstraints(max_length=100)] = ""


class Rotation(Because):
    overlap_s: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_S)] = 86_400
    """Seconds that the old key goes on beside the new one."""
    expires: When | None = None
    """Of the new key; as the old one's where it is left out. Only administrators name another."""


class Revocation(Because):
    heirs: StrictBool = False
    """Whether the keys that came of it by rotation end too, as they should where it was stolen."""


class KeyMade(Shape):
    key: KeyRow
    change: Literal["added"]
    text: str
    """The key itself: shown here, and never again."""


class KeyRotated(Shape):
    key: KeyRow
    change: Literal["rotated"]
    text: str
    """The key itself: shown here, and never again."""
    old: KeyRow


class KeyChange(Shape):
    key: KeyRow
    change: Literal["revoked"]
    revoked: list[KeyRow]
    """The keys that came of it by rotation, where they were revoked with it."""
    followed_by: list[KeyRow]
    """The keys that came of it by rotation and still hold."""


class IdentityRow(Shape):
    issuer: str
    subject: str
    talent: str
    tenant: str
    taken: bool
    """Whether the settings name the issuer, so that its tokens are taken."""


class Identities(Shape):
    identities: list[IdentityRow]
    next: str | None


class NewIdentity(Because):
    issuer: Issuer
    subject: Subject
    talent: Text


class RevokedIdentity(Because):
    issuer: Issuer
    subject: Subject


class IdentityChange(Shape):
    identity: IdentityRow
    change: Literal["set", "revoked"]


class NewSession(Taken):
    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """What stands after # in the one-time link of `ifctl console`."""


class SessionMade(Shape):
    talent: str
    csrf: str
    """To be sent as X-CSRF-Token with whatever changes something."""
    ends: str
    """RFC 3339."""


class Me(Shape):
    """Who the caller is here."""

    talent: str
    tenant: str
    method: Method
    credential: str
    scopes: list[AccessScope]
    roles: list[str]
    """Those that the talent holds, included ones too."""
    operator: bool
    """Whether it may change the operator's records of its tenant."""
    at_hand: bool
    """Whether this kernel can sign such changes."""
    development: bool
    """Whether this is a development home: its keys and records are for trying things out."""
    session: SessionMade | None = optional
    """Of console sessions."""
