"""`/v1/stops`: the kill switch for writes. It works without the operator's key."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from infrafabric.control.api.administering import check_may, reason_of
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.shapes.house import StopChanged, Stops, StopTaken
from infrafabric.control.api.tenancy import HOME, own_talent
from infrafabric.control.stop_file import Scope, StopFolder, stop_key, what_of
from infrafabric.control.stopping import Standing, standing_stops
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House

__all__ = ["router"]

router = Routes(prefix="/stops", tags=["stops"])

NOTICED_S = 3.0
"""How long the kernel is given to record what it sees within a tenth of a second."""
ASKED_S = 0.02


@router.get("", response_model=Stops)
async def standing(service: TheService, caller: Reading) -> Response:
    """What is halted now, as far as it halts the caller's tenant. `by` and `why` are empty where the stop is the whole
    home's and the caller is of another tenant."""
    house = service.house
    rows = [_told(caller, one) for one in standing_stops(house) if _concerns(house, caller, one)]
    return answer({"stops": [{**asdict(one), "what": one.what} for one in rows]})


@router.post("", response_model=StopChanged)
async def stop(given: StopTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Halt new writes at once. Plans and dry runs go on; a write that is under way is observed to its end."""
    house = service.house
    scope, name = _named(service, caller, given)
    why, key = reason_of(house, given.why, caller), stop_key(scope, name)
    StopFolder(house.home.root).write(key, "set", caller.talent.id, why, trace)
    house.kernel.wake_halted()
    recorded = await _recorded(house, key, stands=True)
    shape = {"scope": scope, "name": name, "by": caller.talent.id, "why": why, "change": "set", "recorded": recorded}
    return answer({"stop": shape})


@router.post("/lift", response_model=StopChanged)
async def lift(given: StopTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Lift a stop: the one that is named and no other, on the word of a person who is there. Writes go on once the log
    says so."""
    house, who = service.house, caller.talent.id
    scope, name = _named(service, caller, given)
    caller.require_person("only a person lifts a stop")
    why, key = reason_of(house, given.why, caller), stop_key(scope, name)
    if (scope, name) not in [(one.scope, one.name) for one in standing_stops(house)]:
        raise FabricError(Code.USAGE, f"nothing is halted for {what_of(key)}", remedy="GET /v1/stops shows what is.")
    StopFolder(house.home.root).write(key, "lifted", who, why, trace)
    if not await _recorded(house, key, stands=False):
        message = f"the end of the stop ({what_of(key)}) is not on record yet, so it still holds"
        raise FabricError(Code.STOPPED, message, remedy="Whoever opens the log next records it; see `ifctl doctor`.")
    shape = {"scope": scope, "name": name, "by": who, "why": why, "change": "lifted", "recorded": True}
    return answer({"stop": shape})


def _named(service: TheService, caller: Principal, given: StopTaken) -> tuple[Scope, str]:
    """Scope and full id, once the caller was found to be allowed it. A name that nothing bears would halt nothing."""
    house = service.house
    if (given.scope == "all") != (not given.name):
        raise FabricError(Code.USAGE, "name a capability or a talent; all has no name")
    if given.scope == "talent":
        who = own_talent(house, caller, given.name)
        found = house.authority.get("talent", who)
        check_may(service, caller, str(found["tenant"]) if found is not None else HOME)
        return "talent", who
    check_may(service, caller)
    if given.scope == "all":
        return "all", ""
    full = capability_id(given.name)
    if all(manifest.id != full for manifest in house.manifests()):
        raise FabricError(Code.CAPABILITY_UNKNOWN, f"no bundle of {full} is installed")
    return "capability", full


def _concerns(house: House, caller: Principal, one: Standing) -> bool:
    if one.scope != "talent":
        return True
    found = house.authority.get("talent", one.name)
    return found is not None and found["tenant"] == caller.talent.tenant


def _told(caller: Principal, one: Standing) -> Standing:
    if one.scope == "talent" or caller.talent.tenant == HOME:
        return one
    return replace(one, by="", why="")


async def _recorded(house: House, key: str, *, stands: bool) -> bool:
    """Wait until the log says so: whoever keeps the house open records what the files of the switch say."""
    for _ in range(int(NOTICED_S / ASKED_S)):
        if (house.reading.facts.get("stop", key) is not None) == stands:
            return True
        await asyncio.sleep(ASKED_S)
    return False
