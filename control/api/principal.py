"""Who a request comes from, once it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.things import Talent

__all__ = ["ALL_SCOPES", "Method", "Principal"]

ALL_SCOPES = frozenset(AccessScope)


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

    def require(self, scope: AccessScope) -> None:
        """Raise IF_ERR_SCOPE_MISSING where the credentials are not for that."""
        if scope not in self.scopes:
            raise FabricError(Code.SCOPE_MISSING, f"the credentials {self.credential} lack the scope {scope.value}")
