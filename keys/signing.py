"""Ed25519 keys (RFC 8032), as the values that the rest of the house signs and verifies with."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

import nacl.bindings
import nacl.exceptions
import nacl.signing

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["PublicKey", "SigningKey"]

KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as its 32 bytes. That it is a point which may be trusted is asked once, by `enrol`."""

    raw: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.raw, bytes) or len(self.raw) != KEY_BYTES:
            raise FabricError(Code.KEY_INVALID, f"a public key is {KEY_BYTES} bytes")

    @classmethod
    def from_base64(cls, text: str) -> PublicKey:
        """The key of 44 characters of padded base64 (RFC 4648 section 4). Raises IF_ERR_KEY_INVALID.

        Only the one canonical text of a key is taken, so that equal keys are equal texts.
        """
        try:
            key = cls(base64.b64decode(text.encode("ascii"), validate=True))
        except (binascii.Error, UnicodeEncodeError):
            raise FabricError(Code.KEY_INVALID, f"{text[:60]!r} is not base64") from None
        if str(key) != text:
            raise FabricError(Code.KEY_INVALID, f"{text[:60]!r} is not the canonical base64 of its bytes")
        return key

    @classmethod
    def enrol(cls, key: bytes | str) -> PublicKey:
        """A key from outside, as bytes or base64, that may be trusted from now on.

        Raises IF_ERR_KEY_INVALID unless it is the canonical encoding (RFC 8032 section 5.1.3) of a point of the
        prime-order subgroup other than the identity: under a low-order key one signature fits many messages, and
        libraries disagree about the signatures of keys outside the subgroup.
        """
        public = cls.from_base64(key) if isinstance(key, str) else cls(key)
        if not nacl.bindings.crypto_core_ed25519_is_valid_point(public.raw):
            raise FabricError(Code.KEY_INVALID, f"the key {public} is of low order, not canonical, or no point at all")
        return public

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the SHA-256 of the key's bytes: for people to compare, not for programs."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's on `message`. Never raises: what is no signature is a wrong one."""
        try:
            if len(signature) != SIGNATURE_BYTES:
                return False
            nacl.signing.VerifyKey(self.raw).verify(message, signature)
        except (nacl.exceptions.CryptoError, ValueError, TypeError):
            return False
        return True

    def __repr__(self) -> str:
        return f"PublicKey.from_base64({str(self)!r})"

    def __str__(self) -> str:
        return base64.b64encode(self.raw).decode("ascii")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key as its 32-byte seed. Its repr shows the public half only."""

    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False, compare=False)
    _key: nacl.signing.SigningKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.seed, bytes) or len(self.seed) != KEY_BYTES:
            raise FabricError(Code.KEY_INVALID, f"the seed of a signing key is {KEY_BYTES} bytes")
        key = nacl.signing.SigningKey(self.seed)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "public", PublicKey(bytes(key.verify_key)))

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh key from the operating system's randomness."""
        return cls(bytes(nacl.signing.SigningKey.generate()))

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed. Raises IF_ERR_KEY_INVALID."""
        return cls(seed)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature on `message`."""
        return bytes(self._key.sign(message).signature)
