"""The home's trust sets on disk, and which of them holds: the one that the log names. The log holds the grace too.

A new set is written before the log names it, so a home that dies in between still finds the set that its log names.
What was written and never named is replaced by the next change.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.registry.trust import Seen, Trusted, load
from infrafabric.registry.trust_expiry import Given, read_grace
from infrafabric.registry.trust_folder import TrustFolder

__all__ = ["keep_trust", "load_grace", "load_trust"]


def load_trust(folder: Path, facts: Facts) -> Trusted:
    """The set that the log names. Raises IF_ERR_TRUST_MISSING, and what `registry.trust.load` raises."""
    fact = facts.get("trust", "version")
    if fact is None:
        raise FabricError(Code.TRUST_MISSING, "the log names no trust set")
    seen = Seen(version=fact["version"], digest=fact["digest"])
    return load(TrustFolder(folder).read(seen.version), seen)


def load_grace(facts: Facts, trusted: Trusted, origin: str, longest: timedelta) -> Given | None:
    """The grace that the log holds for the present set; None where there is none, or it was for a set before it.

    Raises what `registry.trust_expiry.read_grace` raises. A grace that does not hold is as good as none.
    """
    fact = facts.get("trust", "grace")
    if fact is None or fact["trust"] != trusted.digest:
        return None
    return read_grace(dumps(fact["document"]), trusted, origin, longest)


def keep_trust(folder: Path, trusted: Trusted) -> None:
    """Store a verified set that the log is about to name. The caller holds the home's lock."""
    (folder / f"{trusted.trust.version}.json").unlink(missing_ok=True)
    TrustFolder(folder).write(trusted)
