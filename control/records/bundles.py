"""Bundles in the home: what is told of one that was installed, and forgetting one on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import AdapterUnloaded, Kind
from infrafabric.kernel.words.names import capability_id
from infrafabric.registry.bundle import Bundle

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["bundle_json", "remove_bundle"]


def bundle_json(bundle: Bundle) -> dict[str, Any]:
    """Which capability it is, and who signed it."""
    return {
        "capability": bundle.manifest.id,
        "version": bundle.manifest.version,
        "digest": bundle.digest,
        "signers": [str(key) for key in bundle.signers],
    }


async def remove_bundle(house: House, bundle: str, why: str, *, trace: str, who: str = OPERATOR) -> dict[str, Any]:
    """Record that a bundle (ID@VERSION or a digest) is gone, then remove it; what changed, as JSON.

    Raises IF_ERR_BUNDLE_*, IF_ERR_CAPABILITY_UNKNOWN.
    """
    if bundle.startswith("sha256:"):
        digest = bundle
    else:
        name, _, version = bundle.partition("@")
        digest = house.installed(capability_id(name), version, None)
    manifest = house.bundles.manifest(digest).manifest
    body = AdapterUnloaded(
        talent=who,
        trace=trace,
        capability=manifest.id,
        version=manifest.version,
        adapter=digest,
        reason=f"removed: {why}",
    )
    await house.record(Entry(Kind.ADAPTER_UNLOADED, body, actor=who))
    house.bundles.remove(digest)
    await house.refresh()
    return {"capability": manifest.id, "version": manifest.version, "digest": digest, "change": "removed"}
