"""A client that signs its requests (RFC 9421), as a caller with the http-message-signatures package does."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519


@dataclass(frozen=True)
class Signer(HTTPSignatureKeyResolver):
    """Signs with one key, as one talent."""

    talent: str
    seed: bytes
    created: datetime | None = None
    nonce: str | None = None
    """None: a fresh one each time; "" for none at all."""
    covered: Iterable[str] = ("@method", "@target-uri")
    digest: bool = True
    expires: datetime | None = None

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def resolve_public_key(self, key_id: str) -> Any:
        return self.resolve_private_key(key_id).public_key()

    def sign(self, request: httpx.Request) -> httpx.Request:
        """The request with its signature's headers."""
        fresh = secrets.token_hex(16) if self.nonce is None else self.nonce
        HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=self).sign(
            request, key_id=self.talent, created=self.created or datetime.now(UTC), expires=self.expires,
            nonce=fresh or None, covered_component_ids=tuple(self.covered),
            body=request.content if request.content and self.digest else None,
        )  # fmt: skip
        return request


def signed_by_hand(signer: Signer, request: httpx.Request, *covered: str) -> httpx.Request:
    """The request signed as RFC 9421 section 2.5 has it, without the library, over what it would refuse to sign too."""
    params = (
        f"({' '.join(f'{chr(34)}{name}{chr(34)}' for name in covered)});created={int(datetime.now(UTC).timestamp())}"
        f';keyid="{signer.talent}";nonce="{secrets.token_hex(16)}"'
    )
    derived = {"@method": request.method, "@target-uri": str(request.url)}
    lines = [f'"{name}": {derived.get(name) or request.headers[name]}' for name in covered]
    base = "\n".join((*lines, f'"@signature-params": {params}'))
    signature = signer.resolve_private_key("").sign(base.encode("ascii"))
    request.headers["Signature-Input"] = f"mine={params}"
    request.headers["Signature"] = f"mine=:{base64.b64encode(signature).decode()}:"
    return request
