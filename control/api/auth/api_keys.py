"""API keys: `ifk_ID_SECRET`, found by their id, recognised by the digest of their whole text."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection

from infrafabric.control.api.principal import Method, Principal
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import ApiKey

__all__ = ["ApiKeys"]

REMEMBERED = 10_000
_TEXT = re.compile(r"ifk_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class _Recognised:
    """What came of a key's text, for as long as the records of the key and of its talent are the same."""

    records: tuple[str, str]
    expires: datetime | None
    principal: Principal


class ApiKeys:
    """Takes `Authorization: Bearer ifk_…`."""

    cheap = True

    def __init__(self, authority: Authority, now: Callable[[], datetime]) -> None:
        self._authority = authority
        self._now = now
        self._recognised: dict[str, _Recognised] = {}
        """By the digest of the text."""

    def shows(self, request: HTTPConnection) -> bool:
        return request.headers.get("authorization", "")[:11].lower() == "bearer ifk_"

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_INVALID, IF_ERR_AUTH_EXPIRED, IF_ERR_TALENT_*."""
        text = request.headers["authorization"][7:]
        digest = sha256(text.encode())
        found = self._recognised.get(digest)
        if found is None or found.records != self._records(found.principal):
            found = self._recognise(text, digest)
            if len(self._recognised) >= REMEMBERED:
                self._recognised.clear()
            self._recognised[digest] = found
        if found.expires is not None and self._now() >= found.expires:
            said = f"the API key {found.principal.credential} expired at {found.expires:%Y-%m-%dT%H:%M:%SZ}"
            raise FabricError(Code.AUTH_EXPIRED, said)
        return found.principal

    def _recognise(self, text: str, digest: str) -> _Recognised:
        match = _TEXT.fullmatch(text)
        fact = None if match is None else self._authority.get("api_key", match[1])
        key = None if fact is None else ApiKey.model_validate(fact)
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise FabricError(Code.AUTH_INVALID, "the API key is none that holds here")
        expires = datetime.fromisoformat(key.expires) if key.expires else None
        principal = Principal(self._authority.talent(key.talent), Method.API_KEY, frozenset(key.scopes), key.id)
        return _Recognised(self._records(principal), expires, principal)

    def _records(self, principal: Principal) -> tuple[str, str]:
        """Each is "" where no present operator signed it."""
        return (
            self._authority.record("api_key", principal.credential),
            self._authority.record("talent", principal.talent.id),
        )
