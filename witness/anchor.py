"""Anchors: checkpoints put where the log cannot take them back, and the cold check of a log against them.

One directory belongs to one origin. A file is named after its tree size and is never overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.merkle import EMPTY_ROOT, Frontier, leaf_hash
from infrafabric.witness.note import Verifier, split_note
from infrafabric.witness.tiles import CHECKPOINT, WIDTH, sync_folder, tile_path, tile_widths, unbundle

__all__ = ["AnchorReport", "verify_from_anchor", "write"]

_SUFFIX = ".checkpoint"


@dataclass(frozen=True, slots=True)
class AnchorReport:
    """What a cold check found to be so."""

    origin: str
    size: int
    root: bytes
    anchors: tuple[int, ...]
    """Sizes of the anchored trees, each the beginning of this one."""
    unread: tuple[int, ...] = ()
    """Sizes of older anchors that none of the given keys signed, but perhaps a former one. They were not checked."""


def write(head: SignedCheckpoint, directory: Path, *, make: bool = True) -> Path:
    """Write a checkpoint into `directory`; the file, also where the same checkpoint stood there before.

    The directory is made, if `make`, where it is not there.

    Raises IF_ERR_ANCHOR_EXISTS when the directory holds another root, or another log, of this size.
    """
    if make:
        directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{head.size:020d}{_SUFFIX}"
    new = directory / f".{path.name}.{os.getpid()}.new"
    try:
        with new.open("xb") as file:
            file.write(head.note.encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(new)  # fails where the name is taken, unlike a rename
        except FileExistsError:
            _same(path, head)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(directory)
    return path


def _same(path: Path, head: SignedCheckpoint) -> None:
    try:
        text, _ = split_note(path.read_bytes().decode())
        found = Checkpoint.parse(text)
    except (FabricError, UnicodeDecodeError):
        raise FabricError(Code.ANCHOR_EXISTS, f"{path} holds something that is no checkpoint") from None
    if found != head.checkpoint:
        raise FabricError(Code.ANCHOR_EXISTS, f"{path} anchors another tree of {head.size} entries, of {found.origin}")


def verify_from_anchor(anchors: Path, tiles: Path, *vkeys: str) -> AnchorReport:
    """Check an exported log cold: its leaves and tiles lead to its signed checkpoint, and every anchored checkpoint is
    the root of its first entries.

    `vkeys` are the log's keys: several where one took over from another. Anchors older than the first that one of them
    signed are not checked, only told of. A checkpoint that a former key alone signed, after one that a newer key
    signed, is not the log's.

    Raises IF_ERR_VKEY_INVALID, IF_ERR_NOTE_INVALID (a checkpoint not signed by such a key), IF_ERR_ANCHOR_MISSING
    (nothing anchored, or a file of the export is not there), IF_ERR_ANCHOR_MISMATCH.
    """
    verifiers = [Verifier.parse(vkey) for vkey in vkeys]
    anchored, unread = _anchored(anchors, verifiers)
    path = tiles / CHECKPOINT
    head = open_checkpoint(_read(path), verifiers)
    if any(checkpoint.origin != head.origin for checkpoint in anchored):
        raise FabricError(Code.ANCHOR_MISMATCH, f"{anchors} holds anchors of another log than {head.origin}")
    if anchored[-1].size > head.size:
        raise FabricError(
            Code.ANCHOR_MISMATCH, f"{anchored[-1].size} entries were anchored, the log has only {head.size}"
        )
    _check_succession([*anchored, head])
    sizes = sorted({checkpoint.size for checkpoint in anchored} | {head.size})
    roots = dict(_roots(tiles, head.size, sizes))
    for checkpoint in anchored:
        if roots[checkpoint.size] != checkpoint.root:
            raise FabricError(
                Code.ANCHOR_MISMATCH, f"the first {checkpoint.size} entries of the log are not those that were anchored"
            )
    if roots[head.size] != head.root:
        raise FabricError(Code.ANCHOR_MISMATCH, "the exported entries do not lead to the exported checkpoint")
    return AnchorReport(head.origin, head.size, head.root, tuple(checkpoint.size for checkpoint in anchored), unread)


def _check_succession(checkpoints: Sequence[SignedCheckpoint]) -> None:
    """Raise where a key signs alone again after another has taken over. `checkpoints` are in order of size.

    From a change on the new key signs every checkpoint: each must bear the newest key seen so far, or one newer still.
    """
    newest: set[bytes] = set()
    seen: set[bytes] = set()
    for checkpoint in checkpoints:
        keys = set(checkpoint.keys)
        newest = (keys & newest) if not newest.isdisjoint(keys) and keys <= seen else keys - seen
        if not newest:
            raise FabricError(
                Code.ANCHOR_MISMATCH,
                f"the checkpoint of {checkpoint.size} entries is signed only by a key that another had taken over from",
            )
        seen |= keys


def _anchored(directory: Path, verifiers: Sequence[Verifier]) -> tuple[Sequence[SignedCheckpoint], tuple[int, ...]]:
    """The checkpoints of the directory, the smallest first, and sizes of older ones that none of the keys signed."""
    found: list[SignedCheckpoint] = []
    unread: list[int] = []
    first: FabricError | None = None
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        try:
            checkpoint = open_checkpoint(path.read_bytes(), verifiers)
        except FabricError as error:
            fault = FabricError(Code.NOTE_INVALID, f"the anchor {path.name}: {error.message}")
            if not _is_strange(path, verifiers):
                raise fault from None
            if found:
                raise FabricError(
                    fault.code, f"{fault.message}; if the log's key changed, give the new one too"
                ) from None
            first = first or fault
            unread.append(int(path.name.removesuffix(_SUFFIX)))
            continue
        if path.name != f"{checkpoint.size:020d}{_SUFFIX}":
            raise FabricError(Code.ANCHOR_MISMATCH, f"the anchor {path.name} is of {checkpoint.size} entries")
        found.append(checkpoint)
    if not found:
        raise first or FabricError(Code.ANCHOR_MISSING, f"{directory} holds no anchor")
    return found, tuple(unread)


def _is_strange(path: Path, verifiers: Sequence[Verifier]) -> bool:
    """Whether the anchor is a whole checkpoint under its right name that none of the keys claims to have signed."""
    try:
        text, signatures = split_note(path.read_bytes().decode())
        checkpoint = Checkpoint.parse(text)
    except (FabricError, UnicodeDecodeError):
        return False
    known = {(verifier.name, verifier.id) for verifier in verifiers}
    named = path.name == f"{checkpoint.size:020d}{_SUFFIX}"
    ours = any(verifier.name == checkpoint.origin for verifier in verifiers)
    return named and ours and known.isdisjoint((name, data[:4]) for name, data in signatures)


def _roots(tiles: Path, size: int, sizes: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The roots at the given sizes, from the leaves; every hash tile is compared on the way."""
    nodes: dict[int, list[bytes]] = {}
    frontier = Frontier()
    if sizes[0] == 0:
        yield 0, EMPTY_ROOT
    for index, width in tile_widths(size, 0):
        hashes = [leaf_hash(leaf) for leaf in _leaves(tiles, index, width)]
        nodes[0] = hashes
        _compare(tiles, 0, index, hashes)
        start = index * WIDTH
        for stop in [s for s in sizes if start < s < start + width]:
            yield stop, frontier.grow(hashes[: stop - start]).root
        growth = frontier.grow(hashes)
        frontier = growth.frontier
        if start + width in sizes:
            yield start + width, frontier.root
        for level, node, hash_ in growth.tiles:
            row = nodes.setdefault(level // 8, [])
            row.append(hash_)
            if len(row) == WIDTH:
                _compare(tiles, level // 8, node // WIDTH, row)
                row.clear()
    for level, row in nodes.items():
        if level and row:
            _compare(tiles, level, (size >> 8 * level) // WIDTH, row)


def _leaves(tiles: Path, index: int, width: int) -> list[bytes]:
    name = tile_path(None, index, width)
    try:
        leaves = unbundle(_read(tiles / name), width)
        for leaf in leaves:
            Leaf.parse(leaf)
    except (ValueError, FabricError) as error:
        if isinstance(error, FabricError) and error.code is not Code.RECEIPT_INVALID:
            raise
        raise FabricError(Code.ANCHOR_MISMATCH, f"{name}: {error}") from None
    return leaves


def _compare(tiles: Path, level: int, index: int, hashes: Sequence[bytes]) -> None:
    name = tile_path(level, index, len(hashes))
    if _read(tiles / name) != b"".join(hashes):
        raise FabricError(Code.ANCHOR_MISMATCH, f"{name} does not hold the hashes of what is below it")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FabricError(Code.ANCHOR_MISSING, f"{path} is not there") from None
