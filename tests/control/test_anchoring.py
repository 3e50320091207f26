from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, cast

import pytest
from homes import Ifctl

from infrafabric.control.anchor_place import AnchorPlace
from infrafabric.control.cli.anchoring import anchor_every, parse_every
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.reading import LogReading


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("15m", 900), ("2h", 7200), ("30d", 2592000)])
def test_times(text: str, seconds: int) -> None:
    assert parse_every(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "31d", "1", "h", "-1h", "1.5h", "1h "])
def test_no_times(text: str) -> None:
    with pytest.raises(FabricError) as caught:
        parse_every(text)
    assert caught.value.code is Code.USAGE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_full_place_is_tried_again_until_a_signal_ends_it(number: int) -> None:
    said: list[str] = []
    calls: list[int] = []

    def write() -> Path:
        calls.append(1)
        if len(calls) == 1:
            raise FabricError(Code.FILE_UNWRITABLE, "the disk is full")
        os.kill(os.getpid(), number)
        return Path("anchors/1")

    before = signal.getsignal(number)
    assert anchor_every(1, write, said.append) == [Path("anchors/1")]
    assert signal.getsignal(number) is before
    assert len(calls) == 2
    assert "the disk is full" in said[0] and "anchors/1" in said[1]


def test_another_tree_of_that_size_ends_it() -> None:
    def write() -> Path:
        raise FabricError(Code.ANCHOR_EXISTS, "another tree")

    with pytest.raises(FabricError):
        anchor_every(1, write, print)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_anchors_until_a_signal_ends_it_in_peace(bare_home: Ifctl, tmp_path: Path, number: int) -> None:
    place = tmp_path / "disk"
    with bare_home.process("witness", "anchor", str(place), "--every", "1s", "--json") as process:
        assert process.stderr is not None and process.stdout is not None
        assert "is no directory that is there" in process.stderr.readline()
        assert not place.exists()
        place.mkdir()
        while "anchored in" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(number)
        answer = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert answer == {"anchors": [str(path) for path in place.iterdir()]}
    assert len(answer["anchors"]) == 1


def test_a_place_is_written_once_for_each_checkpoint(tmp_path: Path) -> None:
    heads = iter([3, 3, 5, 5])
    anchored: list[int] = []

    class Reading:
        """As much of `LogReading` as a place asks for."""

        @property
        def head(self) -> Any:
            self.size = next(heads)
            return self

        def anchor(self, folder: Path, *, make: bool) -> Path:
            assert not make
            anchored.append(self.size)
            path = folder / str(self.size)
            path.touch()
            return path

    log, place = cast("LogReading", Reading()), AnchorPlace(tmp_path)
    first = place.write(log)
    assert place.write(log) == first
    second = place.write(log)
    assert anchored == [3, 5]
    second.unlink()
    with pytest.raises(FabricError) as caught:
        place.write(log)
    assert caught.value.code is Code.FILE_UNWRITABLE
