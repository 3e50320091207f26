"""Who may answer plans that wait in a home: the approvals over its records, its log, its policies and its clock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.granting import standing
from infrafabric.kernel.ports import Asked, Sourced
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

    def withdrawn(talent: Talent, source: Sourced) -> str:
        """Why the source's talent could not ask for the same now; "" where it could."""
        try:
            manifest = house.registry.resolve(source.capability).manifest
            target = house.authority.target(source.target)
        except FabricError as error:
            return error.message
        stands = standing(house.authority, talent, manifest, target, source.intent, house.clock())
        return "" if stands.allows else stands.reason

    return PeopleApprovals(house.authority, partial(source_of, house.reading), forbidden, withdrawn, now=house.clock)
