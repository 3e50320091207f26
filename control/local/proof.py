"""How the kernel knows those who use its local door: they hold the key of its log, as whoever opens the home must."""

from __future__ import annotations

from infrafabric.kernel.canonical import sha256, signed_bytes

__all__ = ["proof"]

DOMAIN = "infrafabric-local-v1"


def proof(origin: str, nonce: str, request: str) -> bytes:
    """What is signed for one request: it holds for this log, this connection and these words alone."""
    said = {"origin": origin, "nonce": nonce, "request": sha256(request.encode())}
    return signed_bytes(DOMAIN, said)
