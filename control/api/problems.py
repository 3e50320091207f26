"""Refusals as problem details (RFC 9457), each with its IF_ERR code and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from infrafabric.control.api.frame.passing import passing_of
from infrafabric.kernel.errors import FabricError

__all__ = ["MEDIA_TYPE", "problem", "problem_of", "refusal"]

MEDIA_TYPE = "application/problem+json"


def problem_of(error: FabricError, instance: str = "", trace: str = "") -> dict[str, Any]:
    """Members: `type`, `title`, `status`, `detail`, `code`, `remedy`; where they apply `instance`, `trace` and
    `retry_after` in seconds."""
    found: dict[str, Any] = {
        "type": f"urn:infrafabric:error:{error.code.value}",
        "title": error.spec.meaning,
        "status": error.spec.http_status,
        "detail": error.message,
        "code": error.code.value,
        "remedy": error.remedy,
    }
    if error.retry_after is not None:
        found["retry_after"] = error.retry_after
    if instance:
        found["instance"] = instance
    if trace:
        found["trace"] = trace
    return found


def problem(error: FabricError, request: HTTPConnection, **more: Any) -> Response:
    """The answer to a request that was refused. `more` are further members, such as the action that was refused."""
    redact: Callable[[str], str] = request.app.state.service.house.redactor.redact
    return refusal(error, request.url.path, passing_of(request.scope).trace, redact, **more)


def refusal(error: FabricError, path: str, trace: str, redact: Callable[[str], str], **more: Any) -> Response:
    """The same where there is no request yet."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.spec.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="infrafabric"'
    shape = problem_of(error, path, trace) | more
    shape["detail"], shape["remedy"] = redact(error.message), redact(error.remedy)
    return JSONResponse(shape, status_code=error.spec.http_status, headers=headers, media_type=MEDIA_TYPE)
