"""An authenticator in software: what a person's device and browser answer to WebAuthn's two questions."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from infrafabric.control.console.answers import agreement, challenge_of, objection
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.words.access import Assertion, Passkey
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.plan import Verdict
from infrafabric.keys.passkeys import base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One credential. What a test wants wrong, it sets before it asks for an answer."""

    rp_id: str = "localhost"
    origin: str = "http://localhost:8400"
    flags: int = PRESENT | VERIFIED
    client: dict[str, Any] = field(default_factory=dict)
    """Members of the client data that differ from what a browser says."""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def public_key(self) -> bytes:
        """COSE_Key: EC2, ES256, P-256."""
        point = self.key.public_key().public_numbers()
        members = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        return cbor2.dumps(members)

    def passkey(self, talent: str, tenant: str = "default") -> Passkey:
        return Passkey(
            id=base64url(self.id),
            talent=talent,
            tenant=tenant,
            public_key=base64url(self.public_key),
            rp_id=self.rp_id,
        )

    def sign(self, challenge: bytes) -> Assertion:
        """What `navigator.credentials.get` gives."""
        client_data = self._client_data("webauthn.get", challenge)
        data = self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return Assertion(
            credential=base64url(self.id),
            authenticator_data=base64url(data),
            client_data=base64url(client_data),
            signature=base64url(signature),
            public_key=base64url(self.public_key),
            rp_id=self.rp_id,
        )

    def enrol(self, challenge: bytes) -> dict[str, Any]:
        """What `navigator.credentials.create` gives, as RegistrationResponseJSON."""
        client_data = self._client_data("webauthn.create", challenge)
        attested = b"\0" * 16 + len(self.id).to_bytes(2, "big") + self.id + self.public_key
        data = self._data(self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {"clientDataJSON": base64url(client_data), "attestationObject": base64url(attestation)}
        return {"id": base64url(self.id), "rawId": base64url(self.id), "type": "public-key", "response": response}

    def agrees(self, asked: Asked, approver: str) -> ApprovalGiven:
        assertion = self.sign(challenge_of(asked, approver, asked.decision.verdict))
        return agreement(asked, approver, assertion, "it is right")

    def objects(self, asked: Asked, approver: str) -> ApprovalRefused:
        assertion = self.sign(challenge_of(asked, approver, Verdict.DENY))
        return objection(asked, approver, assertion, "it is wrong")

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        plain = {"type": kind, "challenge": base64url(challenge), "origin": self.origin, "crossOrigin": False}
        return json.dumps({**plain, **self.client}).encode()

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + (0).to_bytes(4, "big")
