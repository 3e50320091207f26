"""The kill switch pulled at every station, by a file as another process writes it: no write follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.control.stop_file import StopFolder, stop_key
from infrafabric.kernel.errors import Code
from infrafabric.kernel.stations import Station

if TYPE_CHECKING:
    from world import World

BEFORE_ANY_WRITE = [Station.RECEIVED, Station.RESOLVED, Station.PLANNED, Station.DECIDED, Station.INTENDED]
pytestmark = pytest.mark.timeout(120)
LAMPS = stop_key("capability", "if://capability/house.lamps")


@pytest.mark.parametrize("station", [*BEFORE_ANY_WRITE, Station.SENT, Station.OBSERVED])
async def test_no_write_follows(world: World, station: Station) -> None:
    folder = StopFolder(world.home.root)

    def watch(action: str, at: Station) -> None:
        if at is station and not folder.names():
            folder.write(LAMPS, "set", OPERATOR, "smoke")

    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True, porch=True, attic=True), watch)
        assert report.error is not None and report.error.code is Code.STOPPED
        assert "smoke" in report.error.message and OPERATOR in report.error.message
        assert len(world.peer.writes) == (0 if station in BEFORE_ANY_WRITE else 1)
    async with world.opened("operating") as house:
        assert [key for key, _ in house.log.facts.scan("stop")] == [LAMPS], "whoever had the log open recorded it"


async def test_a_folder_of_nonsense_halts_and_is_told_of(world: World) -> None:
    place = world.home.root / "stops"
    place.mkdir()
    (place / "all.json").write_bytes(b"\x00" * 10)
    async with world.opened() as house:
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.error is not None and report.error.code is Code.STOPPED and "all.json" in report.error.message
    assert world.peer.writes == []
