"""`/v1/actions`: intents planned, tried and brought about, what became of each, and taking it back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import Header, Query, Request
from starlette.responses import Response

from infrafabric.control.api.administering import reason_of
from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Acting, Known, Planning, Reading, TheService, Trace
from infrafabric.control.api.idempotency import IdempotencyKey
from infrafabric.control.api.paging import Paged, Paging
from infrafabric.control.api.reports import reported
from infrafabric.control.api.shapes.actions import (
    Actions,
    Asked,
    Begun,
    Closed,
    Closing,
    Planned,
    Refused,
    Replay,
    Reported,
    Told,
    Undoing,
)
from infrafabric.control.api.shapes.common import Because
from infrafabric.control.api.tenancy import own_action, own_talent
from infrafabric.control.cli.action_view import action_row, told_json
from infrafabric.control.cli.capability_view import replay_json
from infrafabric.control.cli.entry_view import parse_since
from infrafabric.control.cli.intent_command import A_LOOK
from infrafabric.control.cli.reading_as import reader_of
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.clock import moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import capability_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness import store

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House

__all__ = ["ENDINGS", "router"]

router = Routes(prefix="/actions", tags=["actions"])

EXAMINED = 500
"""Actions that one page looks at: where few of them fit, it is short and the next page goes on."""
LONGEST_WAIT_S = 60
_WAIT = re.compile(r"wait=([0-9]{1,4})")
_OPEN = frozenset({"received", "planned", "decided", "waiting", "applying", "in_doubt"})

ENDINGS: dict[int | str, dict[str, Any]] = {
    200: {"model": Reported},
    202: {"model": Reported | Begun, "description": "It waits for people, or goes on while its asker does not wait"},
    "4XX": {"model": Refused, "description": "Refused; `action` and `report` where it is on record"},
    "5XX": {"model": Refused, "description": "Failed; `action` and `report` where it is on record"},
}
_running: set[asyncio.Task[Report]] = set()


@router.post("", response_model=Reported, responses=ENDINGS)
async def ask(
    asked: Asked,
    request: Request,
    service: TheService,
    caller: Known,
    trace: Trace,
    key: IdempotencyKey,
    prefer: Annotated[str, Header(max_length=200, description="respond-async, and wait=SECONDS (RFC 7240).")] = "",
) -> Response:
    """Plan an intent, try it, or bring it about. The same `Idempotency-Key` and intent is done once."""
    caller.require(AccessScope.ACT if asked.purpose == "apply" else AccessScope.PLAN)
    house = service.house
    wanted = Ask(
        capability=capability_id(asked.capability),
        talent=caller.talent.id,
        intent=asked.intent,
        why=_why(house, asked, caller),
        purpose=asked.purpose,
        target=asked.target,
        idempotency_key=key,
        trace=trace,
        hazards=asked.hazards,
        expect=asked.expect,
        claim=asked.claim,
        falsify=asked.falsify,
        unattended=caller.unattended,
        deadline_s=asked.deadline_s,
    )
    if "respond-async" not in prefer:
        return reported(request, house, await house.kernel.act(wanted))
    wait = _WAIT.search(prefer)
    return await _detached(request, house, wanted, min(int(wait[1]), LONGEST_WAIT_S) if wait is not None else 0)


def _why(house: House, asked: Asked, caller: Principal) -> str:
    if asked.purpose == "apply" or asked.why:
        return reason_of(house, asked.why, caller)
    return A_LOOK


async def _detached(request: Request, house: House, ask: Ask, wait_s: int) -> Response:
    """Begin the action, and answer when it is on record, or so much later as the asker would wait."""
    begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def passed(action: str, station: Station) -> None:
        if not begun.done():
            begun.set_result(action)

    task = asyncio.create_task(house.kernel.act(ask, passed))
    _running.add(task)
    task.add_done_callback(_ended)
    either: set[asyncio.Future[Any]] = {task, begun}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if wait_s and not task.done():
        await asyncio.wait({task}, timeout=wait_s)
    if task.done():
        return reported(request, house, task.result())
    shape = {"action": begun.result(), "trace": ask.trace, "state": "under_way"}
    headers = {"Location": f"/v1/actions/{quote(begun.result(), safe='')}", "Preference-Applied": "respond-async"}
    return answer(shape, 202, headers)


def _ended(task: asyncio.Task[Report]) -> None:
    """What it raised is on record, or was answered; nobody else waits for it."""
    _running.discard(task)
    if not task.cancelled():
        task.exception()


@router.get("", response_model=Actions)
async def newest(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    state: Annotated[str, Query(max_length=40, description="Where it stands; `open` for all that is not over.")] = "",
    talent: Annotated[str, Query(max_length=300)] = "",
    capability: Annotated[str, Query(max_length=300)] = "",
    target: Annotated[str, Query(max_length=100)] = "",
    since: Annotated[str, Query(max_length=60, description="RFC 3339, or so long ago: 15m, 2h, 3d.")] = "",
) -> Response:
    """The actions of the caller's tenant, newest first."""
    house = service.house
    facts = house.reading.facts
    query = {
        "talent": own_talent(house, caller, talent) if talent else None,
        "capability": capability_id(capability) if capability else None,
        "target": target or None,
        "since": parse_since(since) if since else None,
    }
    if state == "open" or state in _OPEN:
        still = _still_open(house, caller, query)
        shown, following = _page(paging, [row for row in still if _stands(house, row, state)])
        return listed({"actions": shown, "next": following}, response)
    rows: list[dict[str, Any]] = []
    before, looked = paging.index, 0
    while looked < EXAMINED and len(rows) < paging.limit:
        wanted = min(paging.limit, EXAMINED - looked)
        found = house.reading.find(store.Query(kind=Kind.ACTION_RECEIVED, before=before, limit=wanted, **query))  # type: ignore[arg-type]
        for entry in found:
            looked, before = looked + 1, entry.index
            asked = facts.get("action", entry.action)
            if asked is None or asked["tenant"] != caller.talent.tenant:
                continue
            row = action_row(facts, entry.action, asked)
            if not state or row["state"] == state:
                rows.append(row)
            if len(rows) == paging.limit:
                break
        if len(found) < wanted and len(rows) < paging.limit:
            before = None
            break
    return listed({"actions": rows, "next": paging.next(before)}, response)


def _still_open(house: House, caller: Principal, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The actions of the caller's tenant that are not over, newest first: few, however long the log is."""
    facts, rows = house.reading.facts, []
    names = {name: value for name, value in wanted.items() if name != "since" and value is not None}
    since = wanted["since"] or 0
    for action, _ in facts.scan("open"):
        asked = facts.get("action", action)
        if asked is None or asked["tenant"] != caller.talent.tenant:
            continue
        if all(asked[name] == value for name, value in names.items()) and _millis(asked["at"]) >= since:
            rows.append(action_row(facts, action, asked))
    return sorted(rows, key=lambda row: -int(row["index"]))


def _page(paging: Paging, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    left = [row for row in rows if paging.index is None or row["index"] < paging.index]
    found = left[: paging.limit]
    return found, paging.next(found[-1]["index"] if len(left) > len(found) else None)


def _millis(at: str) -> float:
    return moment(at).timestamp() * 1_000


def _stands(house: House, row: Mapping[str, Any], wanted: str) -> bool:
    """Whether an action that is not over stands so. What became of a write is in doubt where nobody is at it."""
    if wanted == "in_doubt":
        return row["state"] == "applying" and row["action"] not in house.kernel.under_way
    return wanted == "open" or row["state"] == wanted


@router.get("/{action}", response_model=Told)
async def one(action: str, service: TheService, caller: Reading) -> Response:
    """Who asked for an action and why, its plan, what was written of it, and how it ended or where it stands."""
    own_action(service.house, caller, action)
    return answer(told_json(service.house, action)[0])


@router.get("/{action}/plan", response_model=Planned)
async def plan(action: str, service: TheService, caller: Reading) -> Response:
    """What an action would change, or was to change, and what was decided on it."""
    own_action(service.house, caller, action)
    told = told_json(service.house, action)[0]
    return answer({name: told[name] for name in Planned.model_fields})


@router.get(
    "/{action}/receipt",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def receipt(action: str, service: TheService, caller: Reading) -> Response:
    """The receipt, as `ifctl witness verify` takes it. It holds the entries whole: what others asked for is read with
    the policies' leave to read the log."""
    house = service.house
    _check_reads(house, caller, own_action(house, caller, action))
    headers = {"Content-Disposition": f'attachment; filename="{action}.receipt.json"'}
    return Response(await house.reading.receipt(action), headers=headers, media_type="application/json")


@router.post("/{action}/undo", response_model=Reported, responses=ENDINGS)
async def undo(
    action: str,
    given: Undoing,
    request: Request,
    service: TheService,
    caller: Acting,
    trace: Trace,
    key: IdempotencyKey,
) -> Response:
    """Take back what an action changed, where the target still is as it left it."""
    house = service.house
    own_action(house, caller, action)
    why = reason_of(house, given.why, caller)
    undone = house.kernel.undo(
        action, caller.talent.id, why, trace=trace, idempotency_key=key, unattended=caller.unattended
    )
    return reported(request, house, await undone)


@router.post("/{action}/cancel", response_model=Reported, responses=ENDINGS)
async def cancel(action: str, given: Because, request: Request, service: TheService, caller: Acting) -> Response:
    """Stop an action before its next write. What was written before stands."""
    house = service.house
    own_action(house, caller, action)
    report = await house.kernel.cancel(action, caller.talent.id, reason_of(house, given.why, caller))
    if report.error is None or report.error.code is not Code.CANCELLED:
        message = f"{action} was over before it could be cancelled: it is {report.outcome.value}"
        raise FabricError(Code.NOT_UNDER_WAY, message)
    return reported(request, house, report, Code.CANCELLED)


@router.post("/{action}/falsify", response_model=Reported, responses=ENDINGS)
async def falsify(action: str, given: Because, request: Request, service: TheService, caller: Planning) -> Response:
    """Try to refute the plan of an action that waits for people; one that is refuted is refused."""
    house = service.house
    own_action(house, caller, action)
    report = await house.kernel.falsify(action, caller.talent.id, reason_of(house, given.why, caller))
    return reported(request, house, report)


@router.post("/{action}/replay", response_model=Replay)
async def replay(action: str, service: TheService, caller: Planning) -> Response:
    """Feed an action's recorded answers to the recorded code; every request and both digests come out the same."""
    house = service.house
    _check_reads(house, caller, own_action(house, caller, action))
    return answer(replay_json(await house.kernel.replay(action)))


@router.post("/{action}/close", response_model=Closed)
async def close(action: str, given: Closing, service: TheService, caller: Acting) -> Response:
    """Close an action that is in doubt, after a look at the target, on the word of a person who is there."""
    house = service.house
    own_action(house, caller, action)
    caller.require_person(f"only one who looked can say what {action} did")
    await house.kernel.close(action, Outcome(given.outcome), caller.talent.id, reason_of(house, given.why, caller))
    state = house.log.facts.get("state", action)
    assert state is not None, "an action that was closed has a state"
    return answer({"action": action, "outcome": str(state["state"])})


def _check_reads(house: House, caller: Principal, asked: dict[str, Any]) -> None:
    """Raise IF_ERR_DENIED where what another talent did may not be read."""
    if asked["talent"] != caller.talent.id:
        reader_of(house, caller.talent.id)
