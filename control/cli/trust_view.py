"""The trust set for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.trust_grace import grace_shape
from infrafabric.registry.trust import signers

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["trust_json"]


def trust_json(house: House) -> dict[str, Any]:
    """Publishers, allow-list, revocations, operator and root keys, who signed, expiry and grace."""
    present = house.trusted
    return {
        "digest": present.digest, **present.trust.as_json(), "signers": sorted(signers(present)),
        "grace": grace_shape(house),
    }  # fmt: skip
