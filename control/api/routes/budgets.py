"""`/v1/budgets` and `/v1/costs`: what may be spent in a day or a month, and what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from starlette.responses import Response

from infrafabric.control.api.administering import Change, administering
from infrafabric.control.api.answers import answer
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.shapes.costs import Costs
from infrafabric.control.api.shapes.records import BudgetChange, BudgetPlace, BudgetRemoved, Budgets, BudgetTaken
from infrafabric.control.api.tenancy import HOME, own_talent, place_of
from infrafabric.control.costing import costs_json
from infrafabric.control.records.budgets import (
    amount_of,
    budget_json,
    budget_of,
    decimal_amount,
    standing_json,
    standings,
)
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.policy import Budget
from infrafabric.policy.costs import By

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House

__all__ = ["router"]

router = Routes(tags=["budgets"])


@router.get("/budgets", response_model=Budgets)
async def all_of_them(
    service: TheService, caller: Reading, tenant: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """How the budgets stand in the present day and month (UTC)."""
    place = place_of(service.house, caller, tenant)
    found, doubted = standings(service.house)
    rows = [standing_json(one) for one in found if one.budget.tenant == place]
    return answer({"budgets": rows, "doubted": [key for key in doubted if key.rpartition(" ")[2] == place]})


@router.put("/budgets", response_model=BudgetChange)
async def put(given: BudgetTaken, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Set a budget, or change its limit. What was used of it in the present day or month stays used."""
    house, notes = service.house, list[str]()
    value = _budget(house, caller, given, amount_of(given.unit, given.limit), notes)
    change = await _changing(value, given.why, service, caller, trace)
    before = house.authority.get("budget", value.key)
    await change.record(change.operator.budget(value, change.why))
    shape: dict[str, Any] = {"budget": budget_json(value), "change": "set"}
    if before is not None:
        shape["before"] = decimal_amount(value, int(before["limit"]))
    return answer({**shape, "notes": notes} if notes else shape)


@router.post("/budgets/remove", response_model=BudgetChange)
async def remove(given: BudgetRemoved, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Remove a budget: nothing limits its subject in this unit and period any more but its other budgets."""
    house = service.house
    value = _budget(house, caller, given, 0, [])
    change = await _changing(value, given.why, service, caller, trace)
    known = house.reading.facts.get("budget", value.key)
    if known is None:
        raise FabricError(Code.BUDGET_UNKNOWN, f"there is no budget {value.key}")
    found = Budget.model_validate(known["value"])
    await change.record(change.operator.budget(value, change.why, "removed"))
    return answer({"budget": budget_json(found), "change": "removed"})


@router.get("/costs", response_model=Costs)
async def costs(
    service: TheService,
    caller: Reading,
    by: Annotated[By, Query(description="What to sum by.")] = "capability",
    since: Annotated[str, Query(max_length=40, description="From this day on, or that many days back: 7d.")] = "30d",
    tenant: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """What the actions spent: how many there were, their writes, tokens and money, and the money a decision."""
    place = place_of(service.house, caller, tenant)
    return answer(costs_json(service.house, by, since, place if place is not None else "")[0])


async def _changing(value: Budget, why: str, service: TheService, caller: Principal, trace: str) -> Change:
    """Leave to change a budget: one on a whole tenant is set by the home's operators, who answer for the house."""
    return await administering(
        service, caller, why, trace, HOME if value.subject.startswith("tenant:") else value.tenant
    )


def _budget(house: House, caller: Principal, given: BudgetPlace, limit: int, notes: list[str]) -> Budget:
    kind, _, name = given.subject.partition(":")
    subject = given.subject
    if kind == "talent" and name:
        subject = f"talent:{own_talent(house, caller, name)}"
    tenant = given.tenant
    if kind == "capability" and tenant is None:
        tenant = caller.talent.tenant
    return budget_of(house, subject, given.unit, given.currency, given.period, tenant, limit, notes.append)
