"""Reading the log in a talent's name: what the policies let it read, and of that its own tenant's entries alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Talent

__all__ = ["of_tenant", "reader_of"]


def reader_of(house: House, name: str) -> Talent:
    """The talent that reads. Raises IF_ERR_TALENT_*, IF_ERR_DENIED where the policies do not let it read the log."""
    from infrafabric.kernel.words.plan import Verdict
    from infrafabric.policy.cedar_guard import CedarGuard

    talent = house.authority.talent(house.talent_named(name))
    decision = CedarGuard(house.authority, house.clock).may_read_log(talent, talent.tenant)
    if decision.verdict is not Verdict.SHARE:
        raise FabricError(Code.DENIED, f"{talent.id} may not read the log: {decision.reason}")
    return talent


def of_tenant(rows: Iterable[dict[str, Any]], talent: Talent | None) -> list[dict[str, Any]]:
    """The entries that the talent sees: its tenant's, and no erased one. All of them where none is named."""
    if talent is None:
        return list(rows)
    return [row for row in rows if row["body"] is not None and row["body"].get("tenant") == talent.tenant]
