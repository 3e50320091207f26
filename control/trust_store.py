"""The home's trust sets on disk, and which of them holds: the one that the log names.

A new set is written before the log names it, so a home that dies in between still finds the set that its log names.
What was written and never named is replaced by the next change.
"""

from __future__ import annotations

from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.registry.trust import Seen, Trusted, load
from infrafabric.registry.trust_folder import TrustFolder

__all__ = ["keep_trust", "load_trust"]


def load_trust(folder: Path, facts: Facts) -> Trusted:
    """The set that the log names. Raises IF_ERR_TRUST_MISSING, and what `registry.trust.load` raises."""
    fact = facts.get("trust", "version")
    if fact is None:
        raise FabricError(Code.TRUST_MISSING, "the log names no trust set")
    seen = Seen(version=fact["version"], digest=fact["digest"])
    return load(TrustFolder(folder).read(seen.version), seen)


def keep_trust(folder: Path, trusted: Trusted) -> None:
    """Store a verified set that the log is about to name. The caller holds the home's lock."""
    (folder / f"{trusted.trust.version}.json").unlink(missing_ok=True)
    TrustFolder(folder).write(trusted)
