"""`/v1/sessions` and `/v1/me`: console sessions, and who one is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from infrafabric.control.api.administering import at_hand
from infrafabric.control.api.answers import answer
from infrafabric.control.api.auth.addresses import origin_of
from infrafabric.control.api.auth.sessions import COOKIE, Session, same_origin, source_of
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Known, TheService
from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.api.shapes.access import Me, NewSession, SessionMade
from infrafabric.control.api.tenancy import is_operator
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.roles import held

__all__ = ["router"]

router = Routes(tags=["who asks"])


@router.post("/sessions", response_model=SessionMade, status_code=201)
async def begin(asked: NewSession, request: Request, service: TheService) -> Response:
    """Open a console session with the token of a one-time link. The cookie works for this browser alone."""
    if not same_origin(request):
        raise FabricError(Code.CSRF, "the request comes from another site's page")
    try:
        opened = service.sessions.open(asked.token, source_of(request), request.headers.get("user-agent", ""))
    except FabricError as error:
        raise service.door.count_refused(passing_of(request.scope).address, error) from None
    found = answer(_session(opened.session), 201)
    found.set_cookie(COOKIE, opened.cookie, path="/", httponly=True, samesite="strict", secure=_is_tls(request))
    return found


@router.delete("/sessions/current", status_code=204)
async def end(request: Request, service: TheService, caller: Known) -> Response:
    """End the session that the request shows."""
    service.sessions.close(request)
    found = Response(status_code=204)
    found.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_is_tls(request))
    return found


@router.get("/me", response_model=Me)
async def me(request: Request, service: TheService, caller: Known) -> Response:
    """Who the caller is, by what it is known, and what it may."""
    house, talent = service.house, caller.talent
    shape: dict[str, Any] = {
        "talent": talent.id,
        "tenant": talent.tenant,
        "method": caller.method.value,
        "credential": caller.credential,
        "scopes": sorted(scope.value for scope in caller.scopes),
        "roles": sorted(held(talent.roles, house.authority, talent.tenant)),
        "operator": is_operator(house, caller),
        "at_hand": at_hand(house),
        "development": house.home.is_development,
    }
    session = service.sessions.current(request)
    if session is not None:
        shape["session"] = _session(session)
    return answer(shape)


def _session(session: Session) -> dict[str, Any]:
    ends: datetime = session.ends
    return {"talent": session.talent, "csrf": session.csrf, "ends": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}


def _is_tls(request: Request) -> bool:
    return origin_of(request).startswith("https://")
