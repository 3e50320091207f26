"""`/v1/log`: the entries of the caller's tenant, and what proves them. It takes the policies' leave to read the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Reading, TheService
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.shapes.log import Checkpoint, Entries, EntriesOfAction, Entry, Vkey
from infrafabric.control.api.tenancy import own_action, own_talent
from infrafabric.control.cli.entry_view import action_json, entry_json, found_json, parse_since
from infrafabric.control.cli.reading_as import of_tenant, reader_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import capability_id, trace_id
from infrafabric.witness import store

if TYPE_CHECKING:
    from infrafabric.control.api.principal import Principal
    from infrafabric.control.house import House

__all__ = ["router"]

router = Routes(prefix="/log", tags=["log"])

EXAMINED = 1_000
"""Entries that one page looks at: where few of them are the tenant's, it is short and the next page goes on."""
Index = Annotated[int, Path(ge=0, le=2**53 - 1)]
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/entries", response_model=Entries)
async def entries(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    kind: Annotated[Kind | None, Query()] = None,
    action: Annotated[str, Query(max_length=100)] = "",
    talent: Annotated[str, Query(max_length=300)] = "",
    capability: Annotated[str, Query(max_length=300)] = "",
    target: Annotated[str, Query(max_length=100)] = "",
    trace: Annotated[str, Query(max_length=100)] = "",
    since: Annotated[str, Query(max_length=60, description="RFC 3339, or so long ago: 15m, 2h, 3d.")] = "",
) -> Response:
    """Entries of the caller's tenant, newest first, each checked against the signed root."""
    house = service.house
    who = reader_of(house, caller.talent.id)
    members: dict[str, Any] = {
        "kind": kind.value if kind is not None else None,
        "action": action or None,
        "talent": own_talent(house, caller, talent) if talent else None,
        "capability": capability_id(capability) if capability else None,
        "target": target or None,
        "trace": trace_id(trace) if trace else None,
        "since": parse_since(since) if since else None,
    }
    rows: list[dict[str, Any]] = []
    before, looked = paging.index, 0
    while looked < EXAMINED and len(rows) < paging.limit:
        wanted = min(paging.limit, EXAMINED - looked)
        found = house.reading.find(store.Query(before=before, limit=wanted, **members))
        for one in found:
            looked, before = looked + 1, one.index
            rows += of_tenant([found_json(one)], who)
            if len(rows) == paging.limit:
                break
        if len(found) < wanted and len(rows) < paging.limit:
            before = None
            break
    return listed({"entries": rows, "next": paging.next(before)}, response)


@router.get("/entries/{index}", response_model=Entry)
async def entry(index: Index, service: TheService, caller: Reading) -> Response:
    """One entry, whole."""
    return answer(_own_entry(service.house, caller, index))


@router.get("/entries/{index}/proof", response_class=Response, responses=_TEXT)
async def proof(index: Index, service: TheService, caller: Reading) -> Response:
    """The proof that an entry is in the log (c2sp.org/tlog-proof)."""
    _own_entry(service.house, caller, index)
    return Response(service.house.reading.tlog_proof(index), media_type="text/plain; charset=utf-8")


@router.get("/actions/{action}", response_model=EntriesOfAction)
async def of_action(action: str, service: TheService, caller: Reading) -> Response:
    """Every entry of an action, in order."""
    house = service.house
    own_action(house, caller, action)
    who = reader_of(house, caller.talent.id)
    return answer({"entries": of_tenant(action_json(house.reading, action), who)})


@router.get("/checkpoint", response_model=Checkpoint)
async def checkpoint(service: TheService, caller: Reading) -> Response:
    """The latest signed checkpoint."""
    head = service.house.reading.head
    return answer({"size": head.size, "checkpoint": head.note})


@router.get("/vkey", response_model=Vkey)
async def vkey(service: TheService, caller: Reading) -> Response:
    """The log's verifier key. Whoever verifies has it from the operator, not from here alone."""
    reading = service.house.reading
    return answer({"origin": reading.origin, "vkey": reading.vkey, "vkeys": [str(one) for one in reading.verifiers()]})


def _own_entry(house: House, caller: Principal, index: int) -> dict[str, Any]:
    """An entry of the caller's tenant. Raises IF_ERR_ENTRY_UNKNOWN, alike for what is another's or erased, and
    IF_ERR_DENIED where the policies do not let the caller read the log."""
    who = reader_of(house, caller.talent.id)
    if index < house.reading.size and (found := of_tenant([entry_json(house.reading.entry(index))], who)):
        return found[0]
    raise FabricError(Code.ENTRY_UNKNOWN, f"the log has no entry {index}")
