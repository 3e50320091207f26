"""Requests signed by the talent's own key: HTTP Message Signatures (RFC 9421), Ed25519, with a digest of the body
(RFC 9530).

What was signed is taken once. The nonces are in memory, so what was signed before this kernel began is refused: it may
have been taken by the one before.
"""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
)
from http_message_signatures.algorithms import ED25519
from starlette.requests import HTTPConnection, Request

from infrafabric.control.api.auth.addresses import target_uri
from infrafabric.control.api.principal import ALL_SCOPES, Method, Principal
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.things import Talent

__all__ = ["AHEAD_S", "SignedRequests"]

AHEAD_S = 2
"""Seconds that a caller's clock may be ahead. For so long after its start the kernel takes no signed requests at all:
one of them could have been taken by the kernel before."""
NONCES_EACH = 20_000
"""Nonces remembered of one talent; beyond it, its signed requests wait for the oldest to be over."""
MAX_SIGNATURE_BYTES = 4_096
_NONCE = re.compile(r"[\x21-\x7e]{8,128}")
_REQUIRED = ("@method", "@target-uri")
_WHERE_SENT = ("if-match", "if-none-match", "idempotency-key")
"""Headers that say what a change rests on, or that it is to be done once: who passes the request on could add them."""


class SignedRequests:
    """Takes `Signature-Input` and `Signature`."""

    cheap = False

    def __init__(
        self,
        authority: Authority,
        named: Callable[[str], str],
        now: Callable[[], datetime],
        *,
        window_s: float,
        since: datetime,
    ) -> None:
        """`named` gives the full id of a talent's name; `since` is when this kernel began."""
        self._authority = authority
        self._named = named
        self._now = now
        self._window = timedelta(seconds=window_s)
        self._since = since + timedelta(seconds=AHEAD_S)
        self._nonces = _Nonces()

    def shows(self, request: HTTPConnection) -> bool:
        return "signature" in request.headers or "signature-input" in request.headers

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_INVALID, IF_ERR_AUTH_EXPIRED, IF_ERR_RATE_LIMITED, IF_ERR_TOO_LARGE, IF_ERR_TALENT_*."""
        size = sum(len(it) for name in ("signature", "signature-input") for it in request.headers.getlist(name))
        if size > MAX_SIGNATURE_BYTES:
            raise _invalid(f"it has more than {MAX_SIGNATURE_BYTES} bytes")
        body = await request.body() if isinstance(request, Request) else b""
        keys = _Keys(self._talent)
        found = _verified(request, keys, body)
        created = self._checked_time(found.parameters)
        if found.nonce is None or _NONCE.fullmatch(found.nonce) is None:
            raise _invalid("it needs a nonce of 8 to 128 visible characters")
        talent = keys.talent
        self._nonces.use(talent.id, found.nonce, created + self._window, self._now())
        return Principal(talent, Method.SIGNATURE, ALL_SCOPES, talent.id)

    def _talent(self, name: str) -> Talent:
        try:
            return self._authority.talent(self._named(name))
        except FabricError as error:
            if error.code in (Code.NAME_INVALID, Code.TALENT_UNKNOWN):
                raise _invalid("its keyid names no talent here") from None
            raise

    def _checked_time(self, parameters: dict[str, int | str]) -> datetime:
        """When the request was signed."""
        now = self._now()
        created = datetime.fromtimestamp(int(parameters["created"]), now.tzinfo)
        if created > now + timedelta(seconds=AHEAD_S):
            raise _invalid("it was created in the future; set the clock right")
        expires = int(parameters.get("expires", now.timestamp() + 1))
        if created + self._window <= now or expires <= now.timestamp():
            raise FabricError(Code.AUTH_EXPIRED, "the request was signed too long ago")
        if created <= self._since:
            message = "the request was signed before this kernel began, or as it did"
            remedy = f"Sign it again, {AHEAD_S + 1} seconds after the kernel began at the earliest."
            raise FabricError(Code.AUTH_EXPIRED, message, remedy=remedy)
        return created


class _Keys(HTTPSignatureKeyResolver):
    """The enrolled key of the talent that `keyid` names. Remembers whose it was."""

    def __init__(self, talent: Callable[[str], Talent]) -> None:
        self._talent = talent
        self._found: Talent | None = None

    @property
    def talent(self) -> Talent:
        assert self._found is not None
        return self._found

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        self._found = found = self._talent(key_id)
        if found.key is None:
            raise _invalid(f"{found.id} has no key enrolled")
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(found.key))


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Times are judged by the home's own clock. Raises InvalidSignature where they are no times."""
        for name in ("created", "expires"):
            if name in sig_input.params:
                self._parse_integer_timestamp(sig_input.params[name], name)  # type: ignore[no-untyped-call]
        if "created" not in sig_input.params:
            raise InvalidSignature("it has no created")


@dataclass(frozen=True, slots=True)
class _Message:
    """The request as the library reads it."""

    method: str
    url: str
    headers: Any


def _verified(request: HTTPConnection, keys: _Keys, body: bytes) -> VerifyResult:
    """The one signature of the request, which holds and covers method, address, body, and the headers by which the
    request means another thing."""
    required = (*_REQUIRED, *(name for name in _WHERE_SENT if name in request.headers))
    message = _Message(request.scope.get("method", "GET"), target_uri(request), request.headers)
    try:
        (found,) = _Verifier(signature_algorithm=ED25519, key_resolver=keys).verify(
            message, max_age=None, require_components=required, body=body
        )
    except (HTTPMessageSignaturesException, ValueError) as error:
        if isinstance(error.__cause__, FabricError):
            raise error.__cause__ from None
        # An InvalidSignature without words is what the algorithm itself said.
        raise _invalid(str(error) or "it does not verify") from None
    return found


class _Nonces:
    """What was used, by talent, each until it could be used no longer anyway."""

    def __init__(self) -> None:
        self._used: dict[str, OrderedDict[str, datetime]] = {}

    def use(self, talent: str, nonce: str, until: datetime, now: datetime) -> None:
        """Raises IF_ERR_AUTH_INVALID where it was used, IF_ERR_RATE_LIMITED where no more can be remembered."""
        used = self._used.setdefault(talent, OrderedDict())
        if nonce in used and used[nonce] > now:
            raise _invalid("its nonce was used before")
        if len(used) >= NONCES_EACH:
            for name in [name for name, ends in used.items() if ends <= now]:
                del used[name]
        if len(used) >= NONCES_EACH:
            wait = (min(used.values()) - now).total_seconds()
            raise FabricError(Code.RATE_LIMITED, f"{talent} signed too many requests", retry_after=max(wait, 0.1))
        used[nonce] = until


def _invalid(why: str) -> FabricError:
    return FabricError(Code.AUTH_INVALID, f"the request's signature: {why[:300]}")
