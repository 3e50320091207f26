"""A key of the key store as the log's signer."""

from __future__ import annotations

from dataclasses import dataclass

from infrafabric.keys.signing import SigningKey

__all__ = ["KeySigner"]


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Implements `note.Signer`."""

    key: SigningKey

    @property
    def public(self) -> bytes:
        return self.key.public.raw

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)
