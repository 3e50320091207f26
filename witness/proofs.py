"""Proofs from stored hashes: whole tiles are read, the levels between are recomputed, and tiles are kept for next time.

Nothing here is believed by a verifier, so stored hashes are not checked: a false one gives a proof that fails.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.merkle import EMPTY_ROOT, Frontier, node_hash

__all__ = ["Hashes", "Tree"]

TILES_KEPT = 256
"""Of 512 hashes each, so about 10 MB at most."""
ROOTS_KEPT = 1_024
_WIDTH = 256


class Hashes(Protocol):
    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """Hashes of complete nodes of a level that is a multiple of 8."""
        ...


class Tree:
    """The tree of some size within what `source` holds. `size` may be any up to that."""

    def __init__(self, source: Hashes) -> None:
        self._source = source
        self._tiles: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self._roots: dict[tuple[int, int], bytes] = {}
        """Of the ranges that proofs in the tree of `_of` went past: those of one receipt have most in common."""
        self._of = 0

    def frontier(self, size: int) -> Frontier:
        nodes = []
        start = 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                nodes.append(self._node(level, start >> level, size))
                start += 1 << level
        return Frontier(size, tuple(nodes))

    def root(self, size: int) -> bytes:
        return self.frontier(size).root if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that leaf `index` is in the tree of `size`, the leaf's sibling first. Raises IF_ERR_ENTRY_UNKNOWN."""
        if not 0 <= index < size:
            raise FabricError(Code.ENTRY_UNKNOWN, f"entry {index} is not in the log of size {size}")
        path: list[bytes] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + (1 << (high - low - 1).bit_length() - 1)
            if index < middle:
                path.append(self._subtree(middle, high, size))
                high = middle
            else:
                path.append(self._subtree(low, middle, size))
                low = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the tree of `old` leaves begins the tree of `new` (RFC 6962 section 2.1.2).

        Raises IF_ERR_USAGE unless 0 < old <= new.
        """
        if not 0 < old <= new:
            raise FabricError(Code.USAGE, f"no consistency proof exists from size {old} to {new}")
        path: list[bytes] = []
        low, high = 0, new
        while old != high:
            middle = low + (1 << (high - low - 1).bit_length() - 1)
            if old <= middle:
                path.append(self._subtree(middle, high, new))
                high = middle
            else:
                path.append(self._subtree(low, middle, new))
                low = middle
        if low:
            path.append(self._subtree(low, high, new))
        return path[::-1]

    def _subtree(self, low: int, high: int, size: int) -> bytes:
        """The root of the leaves from `low`, which is aligned to the range, to `high`."""
        if size != self._of or len(self._roots) > ROOTS_KEPT:
            self._roots.clear()
            self._of = size
        root = self._roots.get((low, high))
        if root is None:
            length = high - low
            if length & (length - 1) == 0:
                level = length.bit_length() - 1
                root = self._node(level, low >> level, size)
            else:
                middle = low + (1 << (length - 1).bit_length() - 1)
                root = node_hash(self._subtree(low, middle, size), self._subtree(middle, high, size))
            self._roots[low, high] = root
        return root

    def _node(self, level: int, index: int, size: int) -> bytes:
        """A complete node."""
        tile_level, row = divmod(level, 8)
        layers = self._layers(tile_level, index >> (8 - row), size)
        return layers[row][index & ((1 << (8 - row)) - 1)]

    def _layers(self, tile_level: int, tile: int, size: int) -> list[list[bytes]]:
        """A tile's hashes, and above them the nodes that they complete.

        A tile that was kept may hold more than `size` has: a complete node never changes. One that holds less grows.
        """
        complete = size >> (8 * tile_level)
        width = min(_WIDTH, complete - tile * _WIDTH)
        key = (tile_level, tile)
        layers = self._tiles.get(key)
        if layers is None:
            layers = self._tiles[key] = [[] for _ in range(9)]
            if len(self._tiles) > TILES_KEPT:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end(key)
        have = len(layers[0])
        if have < width:
            first = tile * _WIDTH
            hashes = self._source.hashes(8 * tile_level, first + have, first + width)
            if len(hashes) != width - have or any(type(hash_) is not bytes or len(hash_) != 32 for hash_ in hashes):
                raise FabricError(Code.LOG_DAMAGED, f"tile {tile} of level {tile_level} lacks hashes")
            layers[0] += hashes
            for below, above in zip(layers, layers[1:], strict=False):
                for at in range(2 * len(above), len(below) - 1, 2):
                    above.append(node_hash(below[at], below[at + 1]))
        return layers
