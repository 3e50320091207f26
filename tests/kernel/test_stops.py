"""The kill switch: what the files say, what the log says, and that either is enough."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.control.operator import OPERATOR
from infrafabric.control.stop_file import HomeStops, StopFolder, scope_of, stop_key
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from world import World

LAMPS = "if://capability/house.lamps"
BELL = "if://capability/house.bell"


class Table:
    """Facts with stops alone."""

    def __init__(self, **stops: str) -> None:
        self._stops = {key.replace("_", " "): why for key, why in stops.items()}

    def get(self, table: str, key: str) -> Any | None:
        why = self._stops.get(key.strip())
        return None if why is None else {"talent": OPERATOR, "at": "2026-01-01T00:00:00Z", "why": why}

    def stored(self, table: str, key: str) -> bytes | None:
        raise NotImplementedError

    def scan(self, table: str, prefix: str = "") -> list[tuple[str, Any]]:
        return [(key, self.get(table, key)) for key in self._stops]


def refusal(stops: HomeStops, talent: str = OPERATOR, capability: str = LAMPS, action: str = "") -> FabricError | None:
    try:
        stops.check(talent, capability, action)
    except FabricError as error:
        return error
    return None


@pytest.mark.parametrize("key", [stop_key("all"), stop_key("capability", LAMPS), stop_key("talent", OPERATOR)])
def test_a_file_halts_what_it_covers_and_nothing_else(tmp_path: Path, key: str) -> None:
    folder = StopFolder(tmp_path)
    stops = HomeStops(folder, Table())
    assert refusal(stops) is None
    folder.write(key, "set", OPERATOR, "smoke on stage")
    found = refusal(stops)
    assert found is not None and found.code is Code.STOPPED
    assert "smoke on stage" in found.message and OPERATOR in found.message
    other = refusal(stops, "if://agent/Other", BELL)
    assert (other is None) == (key != stop_key("all"))
    folder.write(key, "lifted", OPERATOR, "it was fog")
    assert refusal(stops) is None


def test_a_file_that_is_gone_does_not_lift_what_the_log_holds(tmp_path: Path) -> None:
    folder = StopFolder(tmp_path)
    stops = HomeStops(folder, Table(all="smoke"))
    assert folder.names() == []
    assert (found := refusal(stops)) is not None and found.code is Code.STOPPED
    folder.write(stop_key("all"), "lifted", OPERATOR, "asked for, not recorded")
    assert refusal(stops) is not None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"change": "maybe", "by": "x", "why": "y"}', b'{"change": "set"}']
)
def test_a_file_that_cannot_be_understood_halts(tmp_path: Path, content: bytes) -> None:
    folder = StopFolder(tmp_path)
    folder.write(stop_key("all"), "lifted", OPERATOR, "x")
    (tmp_path / "stops" / "all.json").write_bytes(content)
    found = refusal(HomeStops(folder, Table()))
    assert found is not None and found.code is Code.STOPPED and "all.json" in found.message


def test_a_name_that_means_nothing_halts_everything(tmp_path: Path) -> None:
    folder = StopFolder(tmp_path)
    folder.write(stop_key("talent", "if://agent/Other"), "lifted", OPERATOR, "x")
    (tmp_path / "stops" / "everything.json").write_text("{}")
    found = refusal(HomeStops(folder, Table()))
    assert found is not None and "everything.json" in found.message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_halts_everything(tmp_path: Path) -> None:
    folder = StopFolder(tmp_path)
    folder.write(stop_key("all"), "lifted", OPERATOR, "x")
    (tmp_path / "stops").chmod(0)
    assert refusal(HomeStops(folder, Table())) is not None
    (tmp_path / "stops").chmod(0o700)


def test_a_place_that_is_no_folder_halts_everything(tmp_path: Path) -> None:
    (tmp_path / "stops").write_text("")
    found = refusal(HomeStops(StopFolder(tmp_path), Table()))
    assert found is not None and found.code is Code.STOPPED


def test_a_cancelled_action_is_told_by_whom(tmp_path: Path) -> None:
    folder = StopFolder(tmp_path)
    stops = HomeStops(folder, Table())
    folder.cancel("a-1", OPERATOR, "wrong scene")
    assert refusal(stops, action="a-2") is None
    found = refusal(stops, action="a-1")
    assert found is not None and found.code is Code.CANCELLED and "wrong scene" in found.message
    folder.forget_cancel("a-1")
    assert refusal(stops, action="a-1") is None


@given(name=st.from_regex(r"if://(person|agent|service)/[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_every_talent_has_a_file_of_its_own(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = StopFolder(tmp_path_factory.mktemp("home"))
    key = stop_key("talent", name)
    folder.write(key, "set", OPERATOR, "x")
    assert list(folder.names()) == [key]
    assert scope_of(key) == ("talent", name)
    assert (note := folder.read(key)) is not None and note.why == "x"


async def test_a_stop_is_recorded_by_who_runs_and_survives_a_restart(world: World) -> None:
    folder = StopFolder(world.home.root)
    async with world.opened() as house:
        folder.write(stop_key("all"), "set", OPERATOR, "smoke")
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.error is not None and report.error.code is Code.STOPPED
    (world.home.root / "stops" / "all.json").unlink(missing_ok=True)
    async with world.opened() as house:
        recorded = house.log.facts.scan("stop")
        assert [(key, row["why"]) for key, row in recorded] == [("all ", "smoke")]
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.error is not None and report.error.code is Code.STOPPED
        assert (await house.kernel.act(world.lamps("plan", hall=True))).outcome is Outcome.PLANNED
        assert (await house.kernel.act(world.lamps("dry_run", hall=True))).outcome is Outcome.DRY_RUN
    assert world.peer.writes == []
    folder.write(stop_key("all"), "lifted", OPERATOR, "fog")
    async with world.opened() as house:
        assert house.log.facts.scan("stop") == []
        assert (await house.kernel.act(world.lamps(hall=True))).outcome is Outcome.CONVERGED
        assert len(house.log.find(Query(kind=Kind.STOP_CHANGED))) == 2, "set and lifted, each once"


def test_a_file_says_who_why_and_when(tmp_path: Path) -> None:
    folder = StopFolder(tmp_path)
    folder.write(stop_key("all"), "set", OPERATOR, "x", "f" * 32)
    shape = json.loads((tmp_path / "stops" / "all.json").read_bytes())
    assert shape == {"change": "set", "by": OPERATOR, "why": "x", "trace": "f" * 32, "at": shape["at"]}
