"""Passkeys: WebAuthn credentials (W3C Web Authentication, level 3) with which people sign in a browser. Pure.

Of an assertion all of this must hold: its client data is of `webauthn.get`, made on a page of the relying party itself
and not framed by another, for this very challenge; its authenticator data is for that relying party and says that the
person was there and was verified; and the signature over both is by the given key. Attestation says nothing here: that
a passkey is a certain person's is on the word of the operator who enrolled it. Counters are not looked at: a challenge
answers one question once.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from infrafabric.kernel.errors import Code, FabricError

__all__ = [
    "ALGORITHMS", "Enrolled", "SignedByPasskey", "base64url", "from_base64url", "of_party", "verify_assertion",
    "verify_enrolment",
]  # fmt: skip

ALGORITHMS = (-8, -7, -257)
"""COSE algorithms that are taken (RFC 9053, RFC 8812): EdDSA, ES256, RS256."""

CHARACTERS = 16_384
"""The most that any one part of what a browser sends may have."""

LOOPBACK = "localhost"
"""The one host name whose pages are secure contexts without TLS."""


class SignedByPasskey(Protocol):
    """An assertion as the log has it; every member base64url without padding."""

    @property
    def credential(self) -> str: ...
    @property
    def authenticator_data(self) -> str: ...
    @property
    def client_data(self) -> str: ...
    @property
    def signature(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A fresh credential. Both members are base64url; `public_key` is a COSE_Key (RFC 9052 section 7)."""

    id: str
    public_key: str


def base64url(data: bytes) -> str:
    """RFC 4648 section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """The inverse of `base64url`, of up to 16 KiB of text. Raises IF_ERR_PASSKEY_INVALID."""
    if len(text) > CHARACTERS:
        raise _invalid("a part of it is too large")
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid("a part of it is not base64url") from None
    if base64url(raw) != text:
        raise _invalid("a part of it is not the canonical base64url of its bytes")
    return raw


def of_party(origin: str, rp_id: str) -> bool:
    """Whether a page of `origin` may use passkeys of the relying party `rp_id`: over TLS, or on this very machine."""
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return False
    if origin != f"{parts.scheme}://{host}{port}" or not (host == rp_id or host.endswith(f".{rp_id}")):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host == rp_id == LOOPBACK)


def verify_assertion(
    signed: SignedByPasskey, *, public_key: str, rp_id: str, challenge: bytes, origins: Collection[str] | None = None
) -> str:
    """Raise IF_ERR_PASSKEY_INVALID unless the credential of `public_key` signed `challenge`; the page's origin.

    `origins` are the pages that may have asked for it, to the letter; None where any of the relying party will do.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

    credential_id, client_data = from_base64url(signed.credential), from_base64url(signed.client_data)
    origin = _origin(client_data, rp_id, origins)
    response = AuthenticatorAssertionResponse(
        client_data_json=client_data,
        authenticator_data=from_base64url(signed.authenticator_data),
        signature=from_base64url(signed.signature),
    )
    try:
        verify_authentication_response(
            credential=AuthenticationCredential(id=signed.credential, raw_id=credential_id, response=response),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=_cose_key(public_key),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except FabricError:
        raise
    except Exception as error:  # its parsers raise what they come upon; whatever it is, nothing was shown to hold
        raise _invalid(f"the assertion does not hold: {_said(error)}") from error
    return origin


def verify_enrolment(
    credential: Mapping[str, Any], *, challenge: bytes, rp_id: str, origins: Collection[str] | None = None
) -> Enrolled:
    """The passkey that a browser made for `challenge`; `credential` is a RegistrationResponseJSON.

    Raises IF_ERR_PASSKEY_INVALID.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    response = credential.get("response")
    text = response.get("clientDataJSON") if isinstance(response, Mapping) else None
    if not isinstance(text, str):
        raise _invalid("the browser's answer has no client data")
    origin = _origin(from_base64url(text), rp_id, origins)
    try:
        found = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(number) for number in ALGORITHMS],
        )
    except Exception as error:  # as above
        raise _invalid(f"the new passkey does not hold: {_said(error)}") from error
    return Enrolled(base64url(found.credential_id), base64url(found.credential_public_key))


def _origin(client_data: bytes, rp_id: str, origins: Collection[str] | None) -> str:
    """The page that asked. Raises unless it is one of the relying party, on its own, and among `origins`."""
    try:
        members = json.loads(client_data)
    except ValueError:  # a UnicodeDecodeError is one
        members = None
    if not isinstance(members, dict) or not isinstance(members.get("origin"), str):
        raise _invalid("the client data is no JSON object with an origin")
    origin: str = members["origin"]
    if members.get("crossOrigin", False) is not False or "topOrigin" in members:
        raise _invalid("it was made inside another page")
    if not of_party(origin, rp_id):
        raise _invalid(f"it was made at {origin[:200]!r}, and the passkey is for {rp_id}")
    if origins is not None and origin not in origins:
        raise _invalid(f"it was made at {origin[:200]!r}, which is not this console")
    return origin


def _cose_key(public_key: str) -> bytes:
    """The key's bytes. Raises IF_ERR_PASSKEY_INVALID unless it is of an algorithm that is taken."""
    from webauthn.helpers import decode_credential_public_key

    raw = from_base64url(public_key)
    if decode_credential_public_key(raw).alg not in ALGORITHMS:
        raise _invalid("the passkey's key is of an algorithm that is not taken")
    return raw


def _said(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def _invalid(message: str) -> FabricError:
    return FabricError(Code.PASSKEY_INVALID, message)
