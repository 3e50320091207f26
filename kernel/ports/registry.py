"""What the registry gives the kernel: capabilities that were verified and allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from infrafabric.kernel.words.manifest import Manifest

__all__ = ["Capability", "Purpose", "Registry"]


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability that was verified, allowed, not revoked, and whose bytes are at hand."""

    manifest: Manifest
    digest: str
    """Digest of the bundle: of the signed manifest bytes, which name every file's digest."""
    publisher: str
    """Name of the publisher in the trust set."""
    files: Mapping[str, bytes]
    records: tuple[str, ...]
    """Digests of the trust records that allowed it."""


Purpose = Literal["plan", "apply", "dry_run", "undo"]


class Registry(Protocol):
    def resolve(self, capability_id: str) -> Capability:
        """The capability now allowed under that id. Raises the reason why there is none."""
        ...

    def recorded(self, capability_id: str, digest: str) -> Capability:
        """The bundle that a recorded run named, allowed or not, for replay. Raises IF_ERR_REPLAY_UNAVAILABLE."""
        ...

    def recheck(self, capability: Capability) -> None:
        """Raise if the trust set no longer allows what `resolve` gave. Called before every write; no I/O."""
        ...
