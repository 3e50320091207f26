"""A former record, word for word from the log, is handed in again: what was taken away must not come back."""

from __future__ import annotations

import pytest
from world import World

from infrafabric.control.local import calls, desk, wire
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.things import Talent

WHO = "if://agent/Old.Agent"


async def test_a_revoked_talent_does_not_come_back(world: World) -> None:
    async with world.opened("acting") as house:

        async def handed(*entries: Entry) -> object:
            call = calls.Record(entries=tuple(wire.entry_to(entry) for entry in entries), since=house.log.size)
            return await desk.answer(house, call, lambda told: None)

        given = house.operator(new_trace_id()).talent(Talent(id=WHO), "comes")
        await handed(given)
        await handed(house.operator(new_trace_id()).talent(Talent(id=WHO), "leaves", "revoked"))
        size = house.log.size
        for again in ((given,), (house.operator(new_trace_id()).talent(Talent(id="if://agent/B"), "new"), given)):
            with pytest.raises(FabricError) as refused:
                await handed(*again)
            assert refused.value.code is Code.EXISTS
        anew = house.operator(new_trace_id()).talent(Talent(id=WHO), "comes again")
        with pytest.raises(FabricError) as refused:
            await handed(anew, anew)
        assert refused.value.code is Code.EXISTS
        assert house.log.size == size
        with pytest.raises(FabricError) as gone:
            house.authority.talent(WHO)
        assert gone.value.code is Code.TALENT_REVOKED
        await handed(anew)
        assert house.authority.talent(WHO).id == WHO
