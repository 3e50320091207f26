"""`/v1/policies`: the policies by which plans are decided. They are the whole home's."""

from __future__ import annotations

from starlette.responses import Response

from infrafabric.control.api.administering import administering
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.etags import Conditional
from infrafabric.control.api.shapes.house import Checked, InForce, Loaded, PolicyFiles, PolicySet
from infrafabric.control.api.tenancy import check_home
from infrafabric.control.policies import checked_json, in_force_json, load

__all__ = ["router"]

router = Routes(prefix="/policies", tags=["policies"])
_WHAT = "the set of policies"


@router.get("", response_model=InForce)
async def present(service: TheService, caller: Reading, conditions: Conditional) -> Response:
    """The policies in force, whole, and what follows from each."""
    check_home(caller, _WHAT)
    return conditions.answer(in_force_json(service.house))


@router.post("/check", response_model=Checked)
async def check(given: PolicyFiles, service: TheService, caller: Reading) -> Response:
    """Tell all that is wrong with policies, with file and line. Nothing changes."""
    check_home(caller, _WHAT)
    return answer(checked_json(service.house, given.files))


@router.put("", response_model=Loaded)
async def put(
    given: PolicySet, service: TheService, caller: Administering, trace: Trace, conditions: Conditional
) -> Response:
    """Take a whole set into force, as one signed entry. A plan that waits under the former one becomes stale."""
    check_home(caller, _WHAT)
    house = service.house
    change = await administering(service, caller, given.why, trace)
    present = in_force_json(house)
    conditions.may_change(present if present["in_force"] else None)
    return answer(await load(house, given.files, change.why, change.operator, change.record))
