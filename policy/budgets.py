"""Budgets: what talents, capabilities and tenants may spend."""

from __future__ import annotations

from collections.abc import Sequence

from infrafabric.kernel.words.policy import Spending
from infrafabric.kernel.words.things import Talent, Target

__all__ = ["Ledger"]


class Ledger:
    """Implements the kernel's port `Budgets`."""

    def reserve(self, talent: Talent, capability: str, target: Target, action: str, wanted: Spending) -> Sequence[str]:
        return ()

    def settle(self, action: str, spent: Spending) -> None:
        return None
