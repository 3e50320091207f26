"""The kill switch: new writes are halted for all, for a capability or for a talent, until a person lifts it."""

from __future__ import annotations

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.names import short_name

__all__ = ["FactStops", "stopped"]


class FactStops:
    """Implements the kernel's port `Stops` on the facts table `stop`: a stop survives restarts."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def check(self, talent: str, capability: str, action: str = "") -> None:
        """Raise IF_ERR_STOPPED where a stop covers the talent or the capability (full ids). No I/O."""
        for key in self.covering(talent, capability):
            stop = self._facts.get("stop", key)
            if stop is not None:
                raise stopped(key, stop["talent"], stop["at"], stop["why"])

    def covering(self, talent: str, capability: str) -> tuple[str, str, str]:
        """The keys of the stops that would halt an action."""
        return ("all ", f"capability {capability}", f"talent {talent}")


def stopped(key: str, by: str, at: str, why: str) -> FabricError:
    """The refusal of a write that the stop of that key halts."""
    scope, _, name = key.partition(" ")
    what = f"{scope} {short_name(name)}".strip()
    return FabricError(Code.STOPPED, f"writes are halted ({what}) by {by} since {at}: {why}")
