"""The class that an adapter derives from; the manifest's `entrypoint` names it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from infrafabric.adapters.sdk.changes import Plan
from infrafabric.adapters.sdk.host import Host

__all__ = ["Adapter"]

__tracebackhide__ = True


class Adapter(ABC):
    """Made without arguments, for one run only: what it stores in itself is gone after the run.

    The same answers must give the same plan: there is no clock, and `random` is seeded by the kernel.
    """

    @abstractmethod
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        """The changes from what is to what `intent` wants; for a state that is reached already, `Plan()`.

        `intent` is valid against the manifest's schema. Raise `Refuse` where it cannot be met as the world stands.
        """

    async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
        """Bring the approved plan about. By default: all changes, in order.

        An adapter that overrides this chooses the order, waits, or stops early; it cannot alter a change.
        """
        for change in plan:
            await host.perform(change)
