"""Challenges for new passkeys: fresh, for one caller, and soon over. Nothing is kept: a challenge proves itself."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Challenges"]

LASTS_S = 300
"""As long as a person may take to find a security key."""
_RANDOM, _TIME = 16, 8


class Challenges:
    """Makes challenges under a key of the process, and knows them again."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, who: str, now: float) -> bytes:
        """A challenge for `who`; `now` in Unix seconds."""
        begun = secrets.token_bytes(_RANDOM) + int(now + LASTS_S).to_bytes(_TIME, "big")
        return begun + self._seal(begun, who)

    def check(self, challenge: bytes, who: str, now: float) -> None:
        """Raise IF_ERR_PASSKEY_INVALID unless it was made for `who` and is not over."""
        begun, seal = challenge[: _RANDOM + _TIME], challenge[_RANDOM + _TIME :]
        if not hmac.compare_digest(seal, self._seal(begun, who)):
            raise FabricError(Code.PASSKEY_INVALID, "the challenge was not made here for this caller")
        if now >= int.from_bytes(begun[_RANDOM:], "big"):
            raise FabricError(Code.PASSKEY_INVALID, "the challenge is over")

    def _seal(self, begun: bytes, who: str) -> bytes:
        return hmac.new(self._key, begun + who.encode(), hashlib.sha256).digest()
