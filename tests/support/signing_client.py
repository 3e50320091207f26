"""A client that signs its requests (RFC 9421), as a caller with the http-message-signatures package does."""

from __future__ import annotations

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
