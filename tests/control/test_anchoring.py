from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from infrafabric.control.cli.anchoring import anchor_every, parse_every
from infrafabric.kernel.errors import Code, FabricError


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
    anchor_every(1, write, said.append)
    assert signal.getsignal(number) is before
    assert len(calls) == 2
    assert "the disk is full" in said[0] and "anchors/1" in said[1]


def test_another_tree_of_that_size_ends_it() -> None:
    def write() -> Path:
        raise FabricError(Code.ANCHOR_EXISTS, "another tree")

    with pytest.raises(FabricError):
        anchor_every(1, write, print)
