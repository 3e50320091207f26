"""Anchors: never overwritten, and a log that was cut or rewritten after one is found out on another machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from log_bench import Bench, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.anchor import verify_from_anchor, write
from infrafabric.witness.checkpoint import Checkpoint, sign_checkpoint
from infrafabric.witness.merkle import leaf_hash
from infrafabric.witness.signer import KeySigner

SIZES = [1, 255, 256, 257, 600]


async def anchored(bench: Bench, sizes: list[int], name: str) -> str:
    """Grow a log to each size, anchor and export it there."""
    async with bench.open() as log:
        for size in sizes:
            while log.size < size:
                await log.append(*(intended("") for _ in range(min(100, size - log.size))))
            log.anchor(bench.folder / f"{name}-anchors")
            await log.export(bench.folder / f"{name}-tiles")
        return log.vkey


def refused(code: Code, anchors: Path, tiles: Path, vkey: str) -> None:
    with pytest.raises(FabricError) as caught:
        verify_from_anchor(anchors, tiles, vkey)
    assert caught.value.code is code


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path, str]:
    vkey = asyncio.run(anchored(Bench(tmp_path), SIZES, "a"))
    return tmp_path / "a-anchors", tmp_path / "a-tiles", vkey


def test_a_true_log_verifies(world: tuple[Path, Path, str]) -> None:
    report = verify_from_anchor(*world)
    assert (report.size, report.anchors) == (600, tuple(SIZES))


async def test_a_rewritten_log(world: tuple[Path, Path, str], tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    await anchored(Bench(tmp_path / "second"), [600], "b")
    refused(Code.ANCHOR_MISMATCH, world[0], tmp_path / "second" / "b-tiles", world[2])


async def test_a_cut_log(world: tuple[Path, Path, str], tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    bench = Bench(tmp_path / "second")
    vkey = await anchored(bench, [300], "cut")
    await anchored(bench, [400], "b")
    refused(Code.ANCHOR_MISMATCH, bench.folder / "b-anchors", bench.folder / "cut-tiles", vkey)


def test_an_unknown_key(world: tuple[Path, Path, str]) -> None:
    other = f"{world[2].rpartition('+')[0]}"
    refused(Code.VKEY_INVALID, world[0], world[1], other)
    stranger = KeySigner(SigningKey.generate())
    write(sign_checkpoint(Checkpoint("example.com/test", 5, leaf_hash(b"x")), stranger), world[0])
    refused(Code.NOTE_INVALID, *world)


def test_a_false_anchor_by_the_true_key(world: tuple[Path, Path, str], tmp_path: Path) -> None:
    key = KeySigner(Bench(tmp_path).key)
    write(sign_checkpoint(Checkpoint("example.com/test", 5, leaf_hash(b"x")), key), world[0])
    refused(Code.ANCHOR_MISMATCH, *world)


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"])
def test_a_file_of_the_export_changed_or_missing(world: tuple[Path, Path, str], name: str) -> None:
    path = world[1] / name
    data = bytearray(path.read_bytes())
    data[100 if len(data) > 100 else 40] ^= 1
    path.write_bytes(data)
    refused(Code.ANCHOR_MISMATCH, *world)
    path.unlink()
    refused(Code.ANCHOR_MISSING, *world)


def test_an_anchor_is_never_overwritten(world: tuple[Path, Path, str], tmp_path: Path) -> None:
    key = KeySigner(Bench(tmp_path).key)
    before = {path: path.read_bytes() for path in world[0].iterdir()}
    for origin in ("example.com/test", "example.com/else"):
        with pytest.raises(FabricError) as caught:
            write(sign_checkpoint(Checkpoint(origin, 600, leaf_hash(b"x")), key), world[0])
        assert caught.value.code is Code.ANCHOR_EXISTS
    assert {path: path.read_bytes() for path in world[0].iterdir()} == before


async def test_anchoring_the_same_checkpoint_again_is_no_fault(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await anchored(bench, [3], "a")
    async with bench.open() as log:
        assert log.anchor(tmp_path / "a-anchors").name == "00000000000000000003.checkpoint"


def test_nothing_anchored(world: tuple[Path, Path, str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(Code.ANCHOR_MISSING, tmp_path / "empty", world[1], world[2])
    refused(Code.ANCHOR_MISSING, world[0], tmp_path / "empty", world[2])


def test_an_anchor_renamed(world: tuple[Path, Path, str]) -> None:
    shutil.copy(world[0] / f"{255:020d}.checkpoint", world[0] / f"{254:020d}.checkpoint")
    refused(Code.ANCHOR_MISMATCH, *world)


async def test_an_export_over_another_logs_tiles(world: tuple[Path, Path, str], tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    async with Bench(tmp_path / "second").open() as log:
        await log.append(*(intended("") for _ in range(700)))
        before = (world[1] / "checkpoint").read_bytes()
        with pytest.raises(FabricError) as caught:
            await log.export(world[1])
        assert caught.value.code is Code.ANCHOR_MISMATCH
        assert (world[1] / "checkpoint").read_bytes() == before
