"""Who a request comes from, once it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.things import Talent

__all__ = ["ALL_SCOPES", "PERSON", "Method", "Principal"]

ALL_SCOPES = frozenset(AccessScope)
PERSON = "if://person/"


class Method(StrEnum):
    """By what a caller was known."""

    API_KEY = "api_key"
    SIGNATURE = "signature"
    """RFC 9421 HTTP Message Signature with the talent's own key."""
    OIDC = "oidc"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Principal:
    """A talent that asks through a door, and what the credentials that it showed are for."""

    talent: Talent
    method: Method
    scopes: frozenset[AccessScope]
    """They only take away: whatever the talent may not do stays refused."""
    credential: str
    """What rates are counted by, and what the log may name: a key's id, never its text."""
    expires: datetime | None = None
    """When the credentials end, where they say so and nothing here keeps it: a stream ends with them."""

    @property
    def unattended(self) -> bool:
        """Whether credentials that work by themselves ask: a key or token in a script is no person at work."""
        return self.method in (Method.API_KEY, Method.OIDC)

    @property
    def in_person(self) -> bool:
        """Whether a person asks by what only it has: its key, or a browser at which it sits."""
        return self.talent.id.startswith(PERSON) and not self.unattended

    def require_person(self, what: str) -> None:
        """Raise IF_ERR_DENIED unless the caller is in person: `what` is left to it alone."""
        if not self.in_person:
            raise FabricError(
                Code.DENIED, f"{self.talent.id} by {self.credential} is no person at work: {what}",
                remedy="A person asks at the console, with a request signed by its own key, or with ifctl.",
            )  # fmt: skip

    def require(self, scope: AccessScope) -> None:
        """Raise IF_ERR_SCOPE_MISSING where the credentials are not for that."""
        if scope not in self.scopes:
            raise FabricError(Code.SCOPE_MISSING, f"the credentials {self.credential} lack the scope {scope.value}")
