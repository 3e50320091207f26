"""Reports as answers: what happened, what waits for people, and what was refused or went wrong."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from infrafabric.control.api.answers import answer
from infrafabric.control.api.problems import problem
from infrafabric.control.cli.action_view import report_json
from infrafabric.control.cli.plan_view import signed_effects
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

__all__ = ["approval_place", "report_shape", "reported"]


def approval_place(action: str) -> str:
    """Where the question to people about an action is."""
    return f"/v1/approvals/{quote(action, safe='')}"


def report_shape(house: House, report: Report) -> dict[str, Any]:
    """A report and its receipt."""
    receipt = base64.b64encode(report.receipt).decode("ascii") if report.receipt is not None else None
    return {**report_json(report, signed_effects(house, report)), "receipt": receipt}


def reported(request: Request, house: House, report: Report, wanted: Code | None = None) -> Response:
    """200 where it went well, 202 where it waits for people, else the problem, with the report as a member.

    `wanted` is the code of an ending that was asked for, such as a cancellation: it went well.
    """
    shape = report_shape(house, report)
    if report.outcome is Outcome.WAITING:
        return answer(shape, 202, {"Location": approval_place(report.action)})
    if report.error is None or report.error.code is wanted:
        return answer(shape)
    return problem(report.error, request, action=report.action, report=shape)
