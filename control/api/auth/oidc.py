"""Bearer tokens of OpenID providers: JWTs (RFC 7519) that a provider named in the settings signed for this kernel.

Whoever the provider calls by that subject is the talent that an `identity` record says. Nothing in a token gives
anything: its `scope` can only take away, where it names scopes of this kernel (`infrafabric:read`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from starlette.requests import HTTPConnection

from infrafabric.control.api.auth.provider_keys import ProviderKeys
from infrafabric.control.api.principal import ALL_SCOPES, Method, Principal
from infrafabric.control.door_settings import OidcSettings
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.canonical import loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope, Identity

__all__ = ["SCOPE_PREFIX", "OidcTokens"]

SCOPE_PREFIX = "infrafabric:"
MAX_TOKEN_BYTES = 16 << 10
_LAST = 253_402_300_799.0
"""9999-12-31, in Unix seconds."""


class OidcTokens:
    """Takes `Authorization: Bearer <JWT>`."""

    cheap = False

    def __init__(
        self,
        authority: Authority,
        now: Callable[[], datetime],
        providers: Sequence[OidcSettings],
        keys: Callable[[OidcSettings], ProviderKeys] = ProviderKeys,
    ) -> None:
        self._authority = authority
        self._now = now
        self._providers = {one.issuer: one for one in providers}
        self._keys = {one.issuer: keys(one) for one in providers}

    def shows(self, request: HTTPConnection) -> bool:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and not text.startswith("ifk_")

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_INVALID, IF_ERR_AUTH_EXPIRED, IF_ERR_PROVIDER_AWAY, IF_ERR_TALENT_*."""
        token = request.headers["authorization"].partition(" ")[2].strip()
        provider, kid = self._read(token)
        key = await self._keys[provider.issuer].key(kid)
        claims = _verified(token, key, provider)
        self._check(claims, provider)
        fact = self._authority.get("identity", f"{provider.issuer} {claims['sub']}")
        if fact is None:
            raise _invalid("its subject is nobody here; `ifctl identity add` makes it a talent")
        identity = Identity.model_validate(fact)
        talent = self._authority.talent(identity.talent)
        name = f"{provider.issuer} {identity.subject}"
        return Principal(talent, Method.OIDC, _scopes(claims), name, _ends(claims, provider))

    def _read(self, token: str) -> tuple[OidcSettings, str]:
        """Whose token it says it is, and by which key: nothing of it is believed yet."""
        if len(token) > MAX_TOKEN_BYTES:
            raise _invalid(f"it has more than {MAX_TOKEN_BYTES} bytes")
        try:
            unverified = jws.extract_compact(token.encode("ascii"))
            header, claims = unverified.headers(), loads(unverified.payload, limit=MAX_TOKEN_BYTES)
        except (JoseError, FabricError, ValueError):
            raise _invalid("it is no signed JWT") from None
        issuer = claims.get("iss") if isinstance(claims, dict) else None
        provider = self._providers.get(issuer) if isinstance(issuer, str) else None
        if provider is None:
            raise _invalid("its issuer is none of `[[serve.oidc]]`")
        if header.get("alg") not in provider.algorithms:
            raise _invalid("its algorithm is none that is taken of that issuer")
        kid = header.get("kid", "")
        if not isinstance(kid, str) or len(kid) > 500:
            raise _invalid("its kid is no key id")
        return provider, kid

    def _check(self, claims: Mapping[str, Any], provider: OidcSettings) -> None:
        now, leeway = self._now().timestamp(), provider.leeway_s
        if claims.get("iss") != provider.issuer:
            raise _invalid("its issuer is another")
        audience = claims.get("aud")
        if provider.audience not in (audience if isinstance(audience, list) else [audience]):
            raise _invalid("it was made for another audience")
        if not isinstance(claims.get("sub"), str) or not 1 <= len(claims["sub"]) <= 255:
            raise _invalid("it has no subject")
        expires = _time(claims, "exp")
        if expires is None:
            raise _invalid("it has no exp")
        if now >= expires + leeway:
            raise FabricError(Code.AUTH_EXPIRED, "the bearer token is over")
        for name in ("nbf", "iat"):
            begins = _time(claims, name)
            if begins is not None and now < begins - leeway:
                raise _invalid(f"its {name} is in the future")


def _ends(claims: Mapping[str, Any], provider: OidcSettings) -> datetime:
    """When a stream that was opened with the token ends."""
    return datetime.fromtimestamp(min(float(claims["exp"]) + provider.leeway_s, _LAST), UTC)


def _verified(token: str, key: Any, provider: OidcSettings) -> dict[str, Any]:
    try:
        registry = jws.JWSRegistry(algorithms=list(provider.algorithms))
        return dict(jwt.decode(token, key, algorithms=list(provider.algorithms), registry=registry).claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _invalid("its signature does not hold") from None


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(f"its {name} is no time")
    return float(value)


def _scopes(claims: Mapping[str, Any]) -> frozenset[AccessScope]:
    """What the token may be used for: what it names of this kernel's scopes; where it names none, they take nothing
    away."""
    given = claims.get("scope")
    words = given.split() if isinstance(given, str) else []
    named = {word.removeprefix(SCOPE_PREFIX) for word in words if word.startswith(SCOPE_PREFIX)}
    return frozenset(AccessScope(word) for word in named if word in ALL_SCOPES) if named else ALL_SCOPES


def _invalid(why: str) -> FabricError:
    return FabricError(Code.AUTH_INVALID, f"the bearer token: {why}")
