"""A house that stays open anchors by itself; what fails stops nothing, and the doctor sees it."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.settings import load_settings
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, SecretChanged
from infrafabric.keys.passphrase import Passphrase


def configure(run: Ifctl, *folders: Path, every_s: float = 1) -> None:
    names = ", ".join(f'"{folder}"' for folder in folders)
    (run.home / "infrafabric.toml").write_text(f"[witness]\nanchors = [{names}]\nanchor_every_s = {every_s}\n")


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.02)


async def grow(house: House) -> None:
    await house.record(Entry(Kind.SECRET_CHANGED, SecretChanged(name="a", change="set", why="a test")))


def anchors(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.checkpoint"))


async def test_a_missing_place_does_not_hold_up_the_other_and_is_written_once_it_is_there(
    bare_home: Ifctl, tmp_path: Path
) -> None:
    good, late = tmp_path / "good", tmp_path / "late"
    good.mkdir()
    configure(bare_home, good, late)
    said: list[str] = []
    async with (
        open_house(Home.open(bare_home.home), "operating", passphrase=Passphrase()) as house,
        house.anchoring(said.append) as faults,
    ):
        await until(lambda: bool(faults) and anchors(good) == [4])
        assert list(faults) == [str(late)] and faults[str(late)].code is Code.FILE_UNWRITABLE
        await grow(house)
        await until(lambda: anchors(good) == [4, 5])
        assert len(said) == 1  # told when it began, not at every try
        late.mkdir()
        await until(lambda: not faults)
        assert anchors(late) == [5]
        assert said[1:] == [f"anchored again in {late}"]
    assert not [task for task in asyncio.all_tasks() if "anchoring.py" in repr(task)]


async def test_a_fault_of_its_own_is_told_and_stops_nothing(
    bare_home: Ifctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(bare_home, tmp_path)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("infrafabric.witness.anchor.write", broken)
    said: list[str] = []
    async with (
        open_house(Home.open(bare_home.home), "operating", passphrase=Passphrase()) as house,
        house.anchoring(said.append) as faults,
    ):
        await until(lambda: bool(said))
        assert faults[str(tmp_path)].code is Code.INTERNAL and "RuntimeError: a fault" in said[0]
        await grow(house)


def look(run: Ifctl, folder: Path) -> dict[str, str]:
    answer = json.loads(run("doctor", "--json").stdout)
    (found,) = [row for row in answer["looks"] if row["what"] == f"anchors {folder}"]
    return dict(found)


def test_the_doctor_sees_what_is_not_anchored(
    bare_home: Ifctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    configure(bare_home, place)
    assert "IF_ERR_ANCHOR_MISSING" in look(bare_home, place)["said"]
    bare_home.ok("witness", "anchor", str(place))
    assert look(bare_home, place) == {
        "what": f"anchors {place}", "state": "good", "said": "the first 4 of 4 entries are anchored", "remedy": ""
    }  # fmt: skip
    bare_home.ok("talent", "add", "--name", "late", "--why", "a test")
    configure(bare_home, place, every_s=86_400)
    assert look(bare_home, place)["said"] == "the first 4 of 5 entries are anchored"
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3 * 86_400)
    late = look(bare_home, place)
    assert late["state"] == "bad" and "1 entries wait since 72.0 h" in late["said"]


def test_the_doctor_sees_an_anchor_of_another_log(bare_home: Ifctl, tmp_path: Path) -> None:
    place, other = tmp_path / "place", Ifctl(tmp_path / "other")
    configure(bare_home, place)
    other.ok("init", "--development", "--origin", "example.org/test")
    other.ok("witness", "anchor", str(place))
    assert "IF_ERR_NOTE_INVALID" in look(bare_home, place)["said"]


def test_the_doctor_sees_an_anchor_of_another_history(bare_home: Ifctl, tmp_path: Path) -> None:
    """The log was put back and went on otherwise, its slots with it: only the anchor can tell."""
    place, other = tmp_path / "place", Ifctl(tmp_path / "other")
    configure(bare_home, place)
    shutil.copytree(bare_home.home, other.home)
    other.ok("talent", "add", "--name", "first", "--why", "a test")
    other.ok("witness", "anchor", str(place))
    assert "5 entries were anchored, the log has only 4" in look(bare_home, place)["said"]
    bare_home.ok("talent", "add", "--name", "second", "--why", "a test")
    assert "IF_ERR_ANCHOR_MISMATCH" in look(bare_home, place)["said"]
    bare_home.ok("talent", "add", "--name", "third", "--why", "a test")
    assert "another tree than the log's beginning" in look(bare_home, place)["said"]


@pytest.mark.parametrize("name", ["anchors", "./anchors", ""])
def test_a_place_has_its_whole_path(tmp_path: Path, name: str) -> None:
    file = tmp_path / "infrafabric.toml"
    file.write_text(f'[witness]\nanchors = ["{name}"]\n')
    with pytest.raises(FabricError) as caught:
        load_settings(file)
    assert caught.value.code is Code.SETTINGS_INVALID and "witness.anchors.0" in caught.value.message
