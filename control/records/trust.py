"""Edits of the trust set, each with what it does in words. Whoever has the root keys signs what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id
from infrafabric.keys.signing import PublicKey
from infrafabric.registry.trust import TrustSet
from infrafabric.registry.trust_edit import allow, revoke_digest, revoke_key

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["allowing", "revoking"]


def allowing(house: House, now: TrustSet, bundle: str, digest: str | None) -> tuple[TrustSet, str]:
    """The set that allows an installed bundle, such as vmix.switcher@1.2.0.

    Raises IF_ERR_NAME_INVALID, IF_ERR_CAPABILITY_UNKNOWN, IF_ERR_BUNDLE_AMBIGUOUS.
    """
    name, at, version = bundle.partition("@")
    if not at or not version:
        raise FabricError(Code.NAME_INVALID, f"{visible(bundle, 80)!r} is not of the form vmix.switcher@1.2.0")
    capability = capability_id(name)
    found = house.installed(capability, version, digest)
    return allow(now, capability, version, found), f"allow {name}@{version} {found}"


def revoking(now: TrustSet, thing: str, why: str) -> tuple[TrustSet, str]:
    """The set that revokes a key, a digest or an allowed bundle. Raises IF_ERR_NOT_ALLOWED, IF_ERR_KEY_INVALID."""
    if thing.startswith("sha256:"):
        return revoke_digest(now, thing, why), f"revoke {thing}"
    if "@" in thing:
        name, _, version = thing.partition("@")
        digest = now.allow.get(f"{capability_id(name)}@{version}")
        if digest is None:
            raise FabricError(Code.NOT_ALLOWED, f"{visible(thing, 200)} is not on the allow-list")
        return revoke_digest(now, digest, why), f"revoke {thing} {digest}"
    key = PublicKey.from_base64(thing)
    return revoke_key(now, key, why), f"revoke key {key}"
