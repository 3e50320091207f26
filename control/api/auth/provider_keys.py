"""The keys of an OpenID provider: found by OpenID Connect Discovery 1.0, kept for an hour, fetched anew when a token
names one that is not among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from infrafabric.control.door_settings import OidcSettings
from infrafabric.kernel.canonical import loads
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["ProviderKeys"]

KEPT_S = 3_600.0
"""Seconds that keys count: a provider that withdrew one is believed within the hour."""
ANEW_S = 30.0
"""Seconds between two fetches for keys that are not known: tokens with invented ones cost the provider nothing."""
TRY_S = 5.0
"""Seconds between two tries while the provider does not answer."""
FETCH_S = 5.0
MAX_BYTES = 256 << 10
MAX_KEYS = 100
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Key = RSAKey | ECKey | OKPKey


class ProviderKeys:
    """The public keys of one provider, by key id."""

    def __init__(self, provider: OidcSettings, now: Callable[[], float] = monotonic) -> None:
        self._provider = provider
        self._now = now
        self._keys: Mapping[str, Key] = {}
        self._fetched = self._tried = float("-inf")
        self._why = ""
        """Why the last fetch failed; "" where it did not."""
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Key:
        """The key of that id; the only one there is where `kid` is "".

        Raises IF_ERR_PROVIDER_AWAY, IF_ERR_AUTH_INVALID where the provider has no such key.
        """
        if self._is_due(kid):
            async with self._lock:
                if self._is_due(kid):
                    await self._fetch()
        found = self._found(kid) if self._now() - self._fetched < KEPT_S else None
        if found is None and self._why:
            wait = max(0.0, self._tried + TRY_S - self._now())
            raise FabricError(Code.PROVIDER_AWAY, f"{self._provider.issuer}: {self._why}", retry_after=wait)
        if found is None:
            raise FabricError(Code.AUTH_INVALID, f"the bearer token: {self._provider.issuer} has no such key")
        return found

    def _found(self, kid: str) -> Key | None:
        if not kid:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _is_due(self, kid: str) -> bool:
        now = self._now()
        if self._why and now - self._tried < TRY_S:
            return False
        return now - self._fetched >= KEPT_S or (self._found(kid) is None and now - self._tried >= ANEW_S)

    async def _fetch(self) -> None:
        self._tried, self._why = self._now(), "its keys are being fetched"
        issuer = self._provider.issuer
        async with httpx.AsyncClient(timeout=FETCH_S, follow_redirects=False, trust_env=False) as client:
            try:
                async with asyncio.timeout(2 * FETCH_S):
                    about = await _get(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                    if not isinstance(about, dict) or about.get("issuer") != issuer:
                        raise ValueError("its discovery document names another issuer")
                    keys = _keys(await _get(client, _checked(about.get("jwks_uri"))))
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, FabricError, ValueError) as error:
                self._why = f"its keys cannot be had: {type(error).__name__} {error}"[:300]
                return
        self._keys, self._fetched, self._why = keys, self._now(), ""


def _checked(url: Any) -> str:
    """Keys are fetched over TLS, or from this machine."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("jwks_uri is no https address")
    return str(url)


async def _get(client: httpx.AsyncClient, url: str) -> Any:
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise ValueError(f"{url} answered {answer.status_code}")
        content = bytearray()
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > MAX_BYTES:
                raise ValueError(f"{url} answered more than {MAX_BYTES} bytes")
    return loads(bytes(content), limit=MAX_BYTES)


def _keys(found: Any) -> Mapping[str, Key]:
    """The signing keys among them. Shared secrets are left out: what is public verifies nothing by HMAC."""
    rows = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) > MAX_KEYS:
        raise ValueError("no JWK Set")
    found_keys: dict[str, Key] = {}
    for row in rows:
        if isinstance(row, dict) and row.get("use", "sig") == "sig" and isinstance(row.get("kid", ""), str):
            key = _key(row)
            if key is not None:
                found_keys[row.get("kid", "")] = key
    return found_keys


def _key(row: Mapping[str, Any]) -> Key | None:
    """None where it is of no kind that is known here: a provider may have further keys for others."""
    material = {name: value for name, value in row.items() if name != "kid"}
    try:
        match row.get("kty"):
            case "RSA":
                return RSAKey.import_key(material)
            case "EC":
                return ECKey.import_key(material)
            case "OKP":
                return OKPKey.import_key(material)
            case _:
                return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
