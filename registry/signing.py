"""Signatures on manifests, and the bundle's digest.

What is signed is `infrafabric-manifest-v1`, a line feed, and the RFC 8785 JSON of the manifest's data without
`signature` and `signatures`. The data names the digest of every file, so the SHA-256 of those bytes is the bundle's
digest, and one signature covers all of it. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import PublicKey, SigningKey
from infrafabric.registry.manifest import Document

__all__ = ["DOMAIN", "bundle_digest", "sign", "signed_bytes", "signers", "with_signatures"]

DOMAIN = "infrafabric-manifest-v1"
MAX_SIGNATURES = 16


def signed_bytes(data: Mapping[str, Any]) -> bytes:
    """The bytes that signatures on a manifest of this data cover."""
    bare = {name: value for name, value in data.items() if name not in ("signature", "signatures")}
    return canonical.signed_bytes(DOMAIN, bare)


def bundle_digest(data: Mapping[str, Any]) -> str:
    """`sha256:…` of the signed bytes."""
    return canonical.sha256(signed_bytes(data))


def sign(data: Mapping[str, Any], key: SigningKey) -> str:
    """A signature as manifests carry it: `ed25519:PUBLIC_KEY:SIG`."""
    signature = base64.b64encode(key.sign(signed_bytes(data))).decode("ascii")
    return f"ed25519:{key.public}:{signature}"


def with_signatures(data: Mapping[str, Any], signatures: tuple[str, ...]) -> dict[str, Any]:
    """The data with these signatures and no others: `signature` for one, `signatures` for several."""
    bare = {name: value for name, value in data.items() if name not in ("signature", "signatures")}
    if len(signatures) == 1:
        return {**bare, "signature": signatures[0]}
    return {**bare, "signatures": list(signatures)}


def signers(document: Document) -> tuple[PublicKey, ...]:
    """The distinct keys that signed, in the order of their signatures; whether any is trusted is not asked here.

    Raises IF_ERR_UNSIGNED where there is no signature, IF_ERR_SIGNATURE_INVALID unless every one is valid.
    """
    manifest = document.manifest
    if not manifest.all_signatures:
        raise FabricError(Code.UNSIGNED, f"{manifest.name} {manifest.version} carries no signature")
    if len(manifest.all_signatures) > MAX_SIGNATURES:
        raise FabricError(Code.SIGNATURE_INVALID, f"{manifest.name}: more than {MAX_SIGNATURES} signatures")
    message = signed_bytes(document.data)
    keys: list[PublicKey] = []
    for text in manifest.all_signatures:
        key, signature = _parsed(text, manifest.name)
        if not key.verify(message, signature):
            raise FabricError(
                Code.SIGNATURE_INVALID, f"{manifest.name} {manifest.version}: the signature by {key} does not match"
            )
        if key not in keys:
            keys.append(key)
    return tuple(keys)


def _parsed(text: str, name: str) -> tuple[PublicKey, bytes]:
    try:
        _, key, signature = text.split(":")
        raw = base64.b64decode(signature.encode("ascii"), validate=True)
        if base64.b64encode(raw).decode("ascii") != signature:
            raise FabricError(Code.SIGNATURE_INVALID, f"{name}: a signature is not canonical base64")
        return PublicKey.from_base64(key), raw
    except (ValueError, binascii.Error, FabricError) as error:
        reason = error.message if isinstance(error, FabricError) else "it is not ed25519:PUBLIC_KEY:SIG"
        raise FabricError(Code.SIGNATURE_INVALID, f"{name}: a signature cannot be read: {reason}") from None
