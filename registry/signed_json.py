"""JSON documents that several keys sign: `{"signed": …, "signatures": [{"key", "sig"}]}`.

Each signature covers the domain, a line feed, and the RFC 8785 JSON of `signed`. Who must have signed is the reader's
question. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pydantic

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.keys.signing import PublicKey, SigningKey

__all__ = ["Opened", "add_signatures", "open_document", "sign_document"]

MAX_BYTES = 4 << 20
MAX_SIGNATURES = 64
_Model = TypeVar("_Model", bound=Word)


@dataclass(frozen=True, slots=True)
class Opened:
    """A document taken apart. What was signed is not yet known to be well-formed, nor anyone to be trusted."""

    signed: Mapping[str, Any]
    digest: str
    """SHA-256 of the signed bytes, domain included."""
    signers: frozenset[str]
    """The distinct keys, base64, whose signature is valid. The others count for nothing."""
    what: str

    def parse(self, model: type[_Model]) -> _Model:
        """What was signed, as a word; no type is converted. Raises IF_ERR_TRUST_INVALID naming the member."""
        try:
            return model.model_validate_json(canonical.dumps(self.signed), strict=True)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "signed"
            raise FabricError(Code.TRUST_INVALID, f"{self.what}: {where}: {first['msg'][:200]}") from None


def sign_document(domain: str, signed: Mapping[str, Any], *keys: SigningKey) -> bytes:
    """The document of `signed` with a signature by each of `keys`."""
    return _written(signed, [_signature(canonical.signed_bytes(domain, signed), key) for key in keys])


def add_signatures(document: bytes, domain: str, what: str, *keys: SigningKey) -> bytes:
    """The document with a signature by each of `keys` added. Raises IF_ERR_TRUST_INVALID, naming `what`."""
    signed, signatures = _parted(document, what)
    message = canonical.signed_bytes(domain, signed)
    return _written(signed, [*signatures, *(_signature(message, key) for key in keys)])


def open_document(document: bytes, domain: str, what: str) -> Opened:
    """Take a document apart and see which signatures are valid.

    Raises IF_ERR_TRUST_INVALID, naming `what`, or IF_ERR_KEY_INVALID for a malformed key.
    """
    signed, signatures = _parted(document, what)
    message = canonical.signed_bytes(domain, signed)
    signers = frozenset(item["key"] for item in signatures if _is_valid(message, item))
    return Opened(signed, canonical.sha256(message), signers, what)


def _is_valid(message: bytes, item: Mapping[str, str]) -> bool:
    try:
        signature = base64.b64decode(item["sig"].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    return PublicKey.from_base64(item["key"]).verify(message, signature)


def _signature(message: bytes, key: SigningKey) -> dict[str, str]:
    return {"key": str(key.public), "sig": base64.b64encode(key.sign(message)).decode("ascii")}


def _written(signed: Mapping[str, Any], signatures: list[dict[str, str]]) -> bytes:
    return canonical.dumps({"signed": signed, "signatures": signatures}) + b"\n"


def _parted(document: bytes, what: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    try:
        parts = canonical.loads(document, limit=MAX_BYTES)
        canonical.dumps(parts)
    except FabricError as error:
        raise FabricError(Code.TRUST_INVALID, f"{what} is not JSON: {error.message}") from None
    if not isinstance(parts, dict) or set(parts) != {"signed", "signatures"}:
        raise FabricError(Code.TRUST_INVALID, f"{what} is not an object of `signed` and `signatures`")
    signed, signatures = parts["signed"], parts["signatures"]
    if not isinstance(signed, dict) or not isinstance(signatures, list) or len(signatures) > MAX_SIGNATURES:
        raise FabricError(Code.TRUST_INVALID, f"{what} has no object `signed`, or no fit list of signatures")
    for item in signatures:
        well_formed = isinstance(item, dict) and set(item) == {"key", "sig"}
        if not well_formed or not all(isinstance(text, str) for text in item.values()):
            raise FabricError(Code.TRUST_INVALID, f"{what} has a signature that is no object of `key` and `sig`")
    return signed, signatures
