"""The log as static files (`c2sp.org/tlog-tiles`): hash tiles, entry bundles of leaves, the checkpoint.

Written in an order that is safe at every moment: bundles, tiles, all synced, and the checkpoint last by rename. A
directory is only ever extended.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.checkpoint import SignedCheckpoint, open_checkpoint
from infrafabric.witness.merkle import HASH_BYTES
from infrafabric.witness.note import Verifier
from infrafabric.witness.proofs import Tree
from infrafabric.witness.store import Reader

__all__ = [
    "WIDTH", "bundle", "export", "parse_tile_path", "read_tile", "sync_folder", "tile_path", "tile_widths", "unbundle",
    "write_new",
]  # fmt: skip

WIDTH = 256
CHECKPOINT = "checkpoint"
_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


def tile_path(level: int | None, index: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`; level None is an entry bundle."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{'/'.join(groups)}{partial}"


def parse_tile_path(path: str) -> tuple[int | None, int, int] | None:
    """Level (None: an entry bundle), index and width that `tile_path` spells so; None for any other text."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = None if match[1] == "entries" else int(match[1])
    index = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3]) if match[3] else WIDTH
    return (level, index, width) if tile_path(level, index, width) == path else None


def read_tile(reader: Reader, size: int, level: int | None, index: int, width: int) -> bytes | None:
    """A tile, or an entry bundle, of the log of `size` entries; None where it has none so wide.

    Raises IF_ERR_LOG_DAMAGED. Whoever reads tiles checks them against a checkpoint.
    """
    first = index * WIDTH
    if first + width > size >> 8 * (level or 0):
        return None
    if level is None:
        found = list(reader.leaves(first, first + width))
        data = bundle(found)
    else:
        found = list(reader.hashes(8 * level, first, first + width))
        data = b"".join(found)
    if len(found) != width:
        raise FabricError(Code.LOG_DAMAGED, f"{tile_path(level, index, width)} is not whole")
    return data


def tile_widths(size: int, level: int, after: int = 0) -> Iterator[tuple[int, int]]:
    """Index and width of the tiles of a level that a tree of `size` has and one of `after` had not in full."""
    complete, before = size >> 8 * level, after >> 8 * level
    for index in range(before // WIDTH, -(-complete // WIDTH)):
        yield index, min(WIDTH, complete - index * WIDTH)


def bundle(leaves: list[bytes]) -> bytes:
    """An entry bundle: each leaf behind its length, two bytes, big-endian."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def unbundle(data: bytes, width: int) -> list[bytes]:
    """The leaves of a bundle of exactly `width`. Raises ValueError."""
    leaves = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        leaf = data[at + 2 : at + 2 + length]
        if at + 2 > len(data) or len(leaf) != length:
            raise ValueError("the bundle ends within an entry")
        leaves.append(leaf)
        at += 2 + length
    if len(leaves) != width:
        raise ValueError(f"the bundle holds {len(leaves)} entries, not {width}")
    return leaves


def export(reader: Reader, head: SignedCheckpoint, verifiers: Sequence[Verifier], directory: Path) -> int:
    """Bring `directory` up to `head`; how many files were written, the checkpoint not counted.

    `verifiers` are the keys that may have signed what the directory holds: those that the log had, and has.

    Raises IF_ERR_ANCHOR_MISMATCH when the directory holds another log's tiles, or a checkpoint that this log is not
    consistent with.
    """
    directory.mkdir(parents=True, exist_ok=True)
    before = _published(reader, head, verifiers, directory)
    if before == head.size and (directory / CHECKPOINT).exists():
        return 0
    written: list[Path] = []
    for index, width in tile_widths(head.size, 0, before):
        rows = list(reader.rows(index * WIDTH, index * WIDTH + width))
        if len(rows) != width:
            raise FabricError(Code.LOG_DAMAGED, f"entries of the tile {index} are missing")
        written.append(write_new(directory / tile_path(None, index, width), bundle([row.leaf for row in rows])))
    level = 0
    while head.size >> 8 * level:
        for index, width in tile_widths(head.size, level, before):
            hashes = reader.hashes(8 * level, index * WIDTH, index * WIDTH + width)
            if len(hashes) != width or any(len(hash_) != HASH_BYTES for hash_ in hashes):
                raise FabricError(Code.LOG_DAMAGED, f"hashes of the tile {index} of level {level} are missing")
            written.append(write_new(directory / tile_path(level, index, width), b"".join(hashes)))
        level += 1
    for path in written:
        _sync(path)
    for folder in {parent for path in written for parent in path.relative_to(directory).parents}:
        sync_folder(directory / folder)
    write_new(directory / CHECKPOINT, head.note.encode(), sync=True)
    sync_folder(directory)
    _drop_partials(directory, head.size, before)
    return len(written)


def _published(reader: Reader, head: SignedCheckpoint, verifiers: Sequence[Verifier], directory: Path) -> int:
    """Size of the tree that the directory holds already."""
    path = directory / CHECKPOINT
    if not path.exists():
        return 0
    try:
        old = open_checkpoint(path.read_bytes(), verifiers)
    except FabricError as error:
        raise FabricError(Code.ANCHOR_MISMATCH, f"{directory} holds another log's tiles: {error.message}") from None
    if old.size > head.size or Tree(reader).root(old.size) != old.root:
        raise FabricError(
            Code.ANCHOR_MISMATCH,
            f"the log of {head.size} entries does not begin with the {old.size} that {directory} holds",
        )
    return old.size


def _drop_partials(directory: Path, size: int, before: int) -> None:
    """Remove partial tiles that a full tile has taken the place of. Readers then ask for the full one."""
    levels: list[int | None] = [None, *range(8)]
    for level in levels:
        complete = size >> 8 * (level or 0)
        for index in range((before >> 8 * (level or 0)) // WIDTH, complete // WIDTH):
            folder = directory / (tile_path(level, index) + ".p")
            if folder.is_dir():
                for partial in folder.iterdir():
                    partial.unlink()
                folder.rmdir()


def write_new(path: Path, data: bytes, *, sync: bool = False) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    if sync:
        _sync(new)
    new.replace(path)
    return path


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make new names in a folder durable, where the system has that."""
    if os.name != "posix":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
