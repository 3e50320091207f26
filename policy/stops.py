"""The kill switch: new writes are halted for all, for a capability or for a talent, until a person lifts it."""

from __future__ import annotations

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.names import short_name

__all__ = ["FactStops"]


class FactStops:
    """Implements the kernel's port `Stops` on the facts table `stop`: a stop survives restarts."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def check(self, talent: str, capability: str, action: str = "") -> None:
        """Raise IF_ERR_STOPPED where a stop covers the talent or the capability (full ids). No I/O."""
        for key in ("all ", f"capability {capability}", f"talent {talent}"):
            stop = self._facts.get("stop", key)
            if stop is not None:
                scope, _, name = key.partition(" ")
                what = f"{scope} {short_name(name) if scope == 'capability' else name}".strip()
                raise FabricError(Code.STOPPED, f"writes are halted ({what}) since {stop['at']}: {stop['why']}")
