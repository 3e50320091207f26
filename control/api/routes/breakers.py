"""`/v1/breakers`: what is cut off because it kept failing, and letting calls through again after a repair."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from infrafabric.control.api.administering import allowed
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.routes.targets import own_target
from infrafabric.control.api.shapes.house import Breakers, BreakersClosed, ClosingBreakers
from infrafabric.control.breaking import closings, known_breakers

__all__ = ["router"]

router = Routes(prefix="/breakers", tags=["breakers"])


@router.get("", response_model=Breakers)
async def not_closed(service: TheService, caller: Reading) -> Response:
    """The breakers of the caller's targets that are not closed."""
    house = service.house
    rows = []
    for target, found in sorted(known_breakers(house.reading.facts).items()):
        value = house.authority.get("target", target)
        if value is not None and value["tenant"] == caller.talent.tenant:
            rows += [{"target": target, **one} for one in found]
    return answer({"breakers": rows})


@router.post("/close", response_model=BreakersClosed)
async def close(given: ClosingBreakers, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Close every breaker of a target: the next call goes through."""
    house = service.house
    target = own_target(house, caller, given.target)
    why = allowed(service, caller, given.why, target.tenant)
    who = caller.talent.id
    entries = [
        replace(entry, body=entry.body.model_copy(update={"talent": who}), actor=who)
        for entry in closings(house.log.facts, target.name, tenant=target.tenant, trace=trace, why=why)
    ]
    if entries:
        await house.record(*entries)
    return answer({"target": target.name, "closed": [entry.body.as_json()["capability"] for entry in entries]})
