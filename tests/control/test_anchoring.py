from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.control.anchor_place import AnchorPlace
from infrafabric.control.cli.anchoring import anchor_every, parse_every
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.witness import anchor
from infrafabric.witness.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from infrafabric.witness.signer import KeySigner


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


def checkpoint(size: int) -> SignedCheckpoint:
    key = KeySigner(SigningKey.from_seed(bytes(32)))
    return sign_checkpoint(Checkpoint("example.org/test", size, bytes([size] * 32)), key)


def test_a_place_is_written_once_for_each_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = AnchorPlace(tmp_path)
    first = place.write(checkpoint(3))
    with monkeypatch.context() as patch:
        patch.setattr(anchor, "write", None)
        assert place.write(checkpoint(3)) == first
    second = place.write(checkpoint(5))
    assert sorted(tmp_path.iterdir()) == [first, second]
    second.unlink()
    with pytest.raises(FabricError) as caught:
        place.write(checkpoint(5))
    assert caught.value.code is Code.FILE_UNWRITABLE
