"""`/v1/timeline`: what was done and what was changed, newest first."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from infrafabric.control.api.answers import listed
from infrafabric.control.api.dependencies import Reading, TheService
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.shapes.timeline import Timeline
from infrafabric.control.api.tenancy import own_talent
from infrafabric.control.cli.entry_view import parse_since
from infrafabric.control.timeline import Sought, timeline
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, trace_id
from infrafabric.kernel.words.plan import Outcome, Verdict

__all__ = ["router"]

router = APIRouter(tags=["events"])

MOST = 200
"""Rows of a page: each is some entries that are checked."""
Text = Annotated[str, Query(max_length=300)]
Time = Annotated[str, Query(max_length=40, description="RFC 3339, or so long ago: 15m, 2h, 3d.")]


@router.get("/timeline", response_model=Timeline)
async def rows(
    service: TheService,
    caller: Reading,
    paging: Paged,
    response: Response,
    talent: Text = "",
    capability: Text = "",
    target: Text = "",
    trace: Text = "",
    since: Time = "",
    until: Time = "",
    verdict: Verdict | None = None,
    outcome: Annotated[str, Query(pattern="^(open|[a-z_]{1,20})?$")] = "",
) -> Response:
    """Actions and changes of the caller's tenant, newest first. `outcome` and `verdict` find actions alone."""
    service.leaves.of(caller)()
    if outcome and outcome != "open" and outcome not in set(Outcome):
        raise FabricError(Code.USAGE, f"{outcome} is no outcome; they are: open, {', '.join(Outcome)}")
    sought = Sought(
        talent=own_talent(service.house, caller, talent) if talent else None,
        capability=capability_id(capability) if capability else None,
        target=target or None,
        trace=trace_id(trace) if trace else None,
        since=parse_since(since) if since else None,
        until=parse_since(until) if until else None,
        verdict=verdict.value if verdict is not None else "",
        outcome=outcome,
    )
    tenant, limit, before = caller.talent.tenant, min(paging.limit, MOST), paging.index
    async with service.long_reads:
        reading = await asyncio.to_thread(service.house.log.apart)
        try:
            page = await asyncio.to_thread(timeline, reading, tenant, sought, limit, before)
        finally:
            await reading.close()
    return listed({"timeline": page.rows, "next": paging.next(page.next)}, response)
