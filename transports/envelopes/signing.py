"""What an envelope's signature is over, and signing one.

Ed25519 over `infrafabric-message-v1`, a line feed, and the RFC 8785 bytes of the envelope without `signature.sig`. How
the envelope is spaced and ordered on its way does not matter.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from infrafabric.kernel.canonical import Json, Parsed, signed_bytes
from infrafabric.keys.signing import SigningKey

__all__ = ["DOMAIN", "bytes_of_parsed", "message_bytes", "sign_envelope"]

DOMAIN = "infrafabric-message-v1"


def message_bytes(envelope: Mapping[str, Json]) -> bytes:
    """The bytes that are signed for an envelope (JSON members). Raises IF_ERR_JSON_INVALID for what has none."""
    return signed_bytes(DOMAIN, _unsigned(envelope))


def bytes_of_parsed(parsed: Parsed) -> bytes:
    """The same for an envelope that was just parsed."""
    return parsed.signed_bytes(DOMAIN, _unsigned(parsed.value))


def sign_envelope(envelope: Mapping[str, Json], key: SigningKey) -> dict[str, Any]:
    """The envelope with its signature; one that it bears is replaced. What it says is not checked here."""
    unsigned = {**envelope, "signature": {"algorithm": "ed25519", "pubkey": str(key.public)}}
    sig = base64.b64encode(key.sign(message_bytes(unsigned))).decode("ascii")
    return {**unsigned, "signature": {**unsigned["signature"], "sig": sig}}


def _unsigned(envelope: Mapping[str, Json]) -> dict[str, Any]:
    signature = {name: value for name, value in envelope["signature"].items() if name != "sig"}
    return {**envelope, "signature": signature}
