"""Who may answer plans that wait in a home: the approvals over its records, its log, its policies and its clock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.questions import source_of
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.things import Talent
from infrafabric.policy.approvals import PeopleApprovals
from infrafabric.policy.cedar_guard import CedarGuard

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["approvals_of"]


def approvals_of(house: House) -> PeopleApprovals:
    """The home's approvals, for reading as for acting."""
    guard = CedarGuard(house.authority, house.clock)

    def forbidden(person: Talent, asked: Asked) -> str:
        """Why the policies do not let `person` answer; "" where they do."""
        try:
            decision = guard.may_approve(person, asked.capability, house.authority.target(asked.target))
        except FabricError as error:
            return error.message
        return "" if decision.verdict is Verdict.SHARE else decision.reason

    return PeopleApprovals(house.authority, partial(source_of, house.reading), forbidden, now=house.clock)
