"""`/v1/approvals`: plans that wait for people, and the answers that people signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from infrafabric.control.api.administering import reason_of
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Approving, Reading, TheService
from infrafabric.control.api.reports import reported
from infrafabric.control.api.routes.actions import ENDINGS
from infrafabric.control.api.shapes.actions import Reported
from infrafabric.control.api.shapes.approvals import Answered, Questions, Second, Whole
from infrafabric.control.api.tenancy import own_action
from infrafabric.control.approver_key import by_source
from infrafabric.control.cli.approvals_view import batches, question_json, questions_json
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.people import approvals_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House
    from infrafabric.kernel.ports import Asked

__all__ = ["question_of", "router"]

router = Routes(prefix="/approvals", tags=["approvals"])


@router.get("", response_model=Questions)
async def waiting(service: TheService, caller: Reading) -> Response:
    """What waits for people of the caller's tenant, with the time left."""
    rows = [row for row in questions_json(service.house) if row["tenant"] == caller.talent.tenant]
    return answer({"questions": rows, "alike": [[row["action"] for row in batch] for batch in batches(rows)]})


@router.get("/{action}", response_model=Whole)
async def one(action: str, service: TheService, caller: Reading) -> Response:
    """What an action would change, as the kernel renders it, who asks, who has agreed, and what an answer signs."""
    question_of(service.house, caller, action)
    return answer(question_json(service.house, action)[0])


@router.post("/{action}/approve", response_model=Reported, responses=ENDINGS)
async def approve(action: str, given: Answered, request: Request, service: TheService, caller: Approving) -> Response:
    """Agree, signed where the person is. Where nobody else has to agree, the action is planned again and done."""
    house = service.house
    asked = _answering(house, caller, action, given)
    agreed = ApprovalGiven(
        approver=given.approver,
        verdict=asked.decision.verdict,
        context_digest=asked.context_digest,
        nonce=given.nonce,
        expires=given.expires,
        why=reason_of(house, given.why, caller),
        key=given.key,
        signature=given.signature,
        assertion=given.assertion,
    )
    return reported(request, house, await house.kernel.approve(action, agreed))


@router.post("/{action}/deny", response_model=Reported, responses=ENDINGS)
async def deny(action: str, given: Answered, request: Request, service: TheService, caller: Approving) -> Response:
    """Refuse what waits, signed where the person is. Nothing was written, and nothing will be."""
    house = service.house
    asked = _answering(house, caller, action, given)
    refused = ApprovalRefused(
        approver=given.approver,
        context_digest=asked.context_digest,
        nonce=given.nonce,
        expires=given.expires,
        why=reason_of(house, given.why, caller),
        key=given.key,
        signature=given.signature,
        assertion=given.assertion,
    )
    return reported(request, house, await house.kernel.refuse(action, refused), Code.APPROVAL_REFUSED)


@router.post("/{action}/second", response_model=Reported, responses=ENDINGS)
async def second(action: str, given: Second, request: Request, service: TheService, caller: Approving) -> Response:
    """Name another talent's plan for the same changes, where a HOLD takes a second source."""
    house = service.house
    asked = question_of(house, caller, action)
    source = own_action(house, caller, given.source)
    why = reason_of(house, given.why, caller)
    report = await house.kernel.approve(action, by_source(asked, source["talent"], given.source, why))
    return reported(request, house, report)


def question_of(house: House, caller: Principal, action: str) -> Asked:
    """The question to people of the caller's tenant. Raises IF_ERR_QUESTION_UNKNOWN, alike where it is another's, over
    or never was."""
    fact = house.reading.facts.get("pending", action)
    if fact is not None and fact["tenant"] == caller.talent.tenant:
        history = History.of(action, house.reading.entries(action))
        if history.waiting and not approvals_of(house).overdue(history.asked.pending.expires):
            return history.asked
    raise FabricError(Code.QUESTION_UNKNOWN, f"no plan of the action {visible(action, 60)} waits for people")


def _answering(house: House, caller: Principal, action: str, given: Answered) -> Asked:
    """The question that is answered. Raises as `question_of` does, IF_ERR_DENIED where it is another's answer."""
    asked = question_of(house, caller, action)
    if given.approver != caller.talent.id:
        raise FabricError(Code.DENIED, f"{caller.talent.id} hands in an answer of {visible(given.approver, 100)}")
    return asked
