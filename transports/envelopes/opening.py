"""Reading an envelope: from bytes to checked members, with all that it takes to verify its signature."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pydantic import ValidationError

from infrafabric.kernel.canonical import Parsed, parse, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.messages import Envelope
from infrafabric.keys.signing import PublicKey
from infrafabric.transports.envelopes.signing import bytes_of_parsed

__all__ = ["Opened", "open_envelope", "read_envelope"]


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope that is one by its form. Who signed it is not known before `is_signed`."""

    envelope: Envelope
    text: str
    """As it came."""
    digest: str
    """SHA-256 of that."""
    signed: bytes
    """What the signature is over."""

    def is_signed(self) -> bool:
        """Whether the key that the envelope names signed it. That it is the sender's key is asked elsewhere."""
        signature = self.envelope.signature
        try:
            key, sig = PublicKey.from_base64(signature.pubkey), base64.b64decode(signature.sig, validate=True)
        except (FabricError, ValueError):
            return False
        return key.verify(self.signed, sig)


def open_envelope(data: bytes, limit: int) -> Opened:
    """Read an envelope of at most `limit` bytes.

    Raises IF_ERR_TOO_LARGE, IF_ERR_JSON_INVALID (duplicate members, 64 levels, numbers that others would read
    otherwise), IF_ERR_MESSAGE_INVALID naming the member.
    """
    return read_envelope(parse(data, limit=limit), data)


def read_envelope(parsed: Parsed, data: bytes) -> Opened:
    """The same of `data` that was parsed already. Raises IF_ERR_MESSAGE_INVALID."""
    try:
        envelope = Envelope.model_validate(parsed.value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:200]
        raise FabricError(Code.MESSAGE_INVALID, f"{where or 'the envelope'}: {first['msg']}") from None
    return Opened(envelope, data.decode("utf-8"), sha256(data), bytes_of_parsed(parsed))
