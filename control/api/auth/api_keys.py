"""API keys: `ifk_ID_SECRET`, found by their id, recognised by the digest of their whole text."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import datetime

from starlette.requests import HTTPConnection

from infrafabric.control.api.principal import Method, Principal
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import ApiKey

__all__ = ["ApiKeys"]

_TEXT = re.compile(r"ifk_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")


class ApiKeys:
    """Takes `Authorization: Bearer ifk_…`."""

    cheap = True

    def __init__(self, authority: Authority, now: Callable[[], datetime]) -> None:
        self._authority = authority
        self._now = now

    def shows(self, request: HTTPConnection) -> bool:
        return request.headers.get("authorization", "")[:11].lower() == "bearer ifk_"

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_INVALID, IF_ERR_AUTH_EXPIRED, IF_ERR_TALENT_*."""
        text = request.headers["authorization"][7:]
        match = _TEXT.fullmatch(text)
        fact = None if match is None else self._authority.get("api_key", match[1])
        key = None if fact is None else ApiKey.model_validate(fact)
        if key is None or not hmac.compare_digest(key.digest, sha256(text.encode())):
            raise FabricError(Code.AUTH_INVALID, "the API key is none that holds here")
        if key.expires and self._now() >= datetime.fromisoformat(key.expires):
            raise FabricError(Code.AUTH_EXPIRED, f"the API key {key.id} expired at {key.expires}")
        talent = self._authority.talent(key.talent)
        return Principal(talent, Method.API_KEY, frozenset(key.scopes), key.id)
