"""The Merkle tree of RFC 6962 section 2.1, as pure functions over hashes.

`Frontier` is a tree reduced to what growing it needs; it is immutable, so an append that fails leaves nothing to undo.
Levels count from the leaves: a node of level 8 covers 256 leaves. Only nodes of levels that are multiples of 8 are ever
stored (`c2sp.org/tlog-tiles`), the others are recomputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from infrafabric.kernel.errors import Code, FabricError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "Frontier",
    "Growth",
    "leaf_hash",
    "node_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree of size 0."""
# A copy of a hash that has begun costs half of a new one.
_LEAF, _NODE = sha256(b"\x00"), sha256(b"\x01")
_SHARED = 4
"""Proofs of leaves under the same node of this level differ only below it."""


def leaf_hash(leaf: bytes) -> bytes:
    hash_ = _LEAF.copy()
    hash_.update(leaf)
    return hash_.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    hash_ = _NODE.copy()
    hash_.update(left + right)
    return hash_.digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The tree head over leaf hashes."""
    return Frontier().grow(hashes).root


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves as the roots of its maximal complete subtrees, the largest (leftmost) first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def grow(self, hashes: Sequence[bytes]) -> Growth:
        """The tree with these leaf hashes appended."""
        size = self.size
        stack = list(self.nodes)
        made: list[dict[int, bytes]] = [{} for _ in range(max(1, (size + len(hashes)).bit_length()))]
        levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
        for level, hash_ in zip(levels, stack, strict=True):
            made[level][(size >> level) - 1] = hash_
        tiles: list[tuple[int, int, bytes]] = []
        leaves = made[0]
        for current in hashes:
            leaves[size] = current
            level, index = 0, size
            while index & 1:
                node = _NODE.copy()
                node.update(stack.pop() + current)
                current = node.digest()
                level += 1
                index >>= 1
                made[level][index] = current
                if not level & 7:
                    tiles.append((level, index, current))
            stack.append(current)
            size += 1
        return Growth(self.size, Frontier(size, tuple(stack)), tuple(tiles), made)

    @property
    def root(self) -> bytes:
        if not self.nodes:
            return EMPTY_ROOT
        rest = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            rest = node_hash(node, rest)
        return rest


@dataclass(slots=True)
class Growth:
    """What an append made: the new frontier, the nodes to store, and all that a proof of a new leaf needs."""

    before: int
    """Size of the tree before."""
    frontier: Frontier
    tiles: tuple[tuple[int, int, bytes], ...]
    """New complete nodes (level, index, hash) of levels 8, 16, 24, …"""
    _made: list[dict[int, bytes]]
    _ragged: list[bytes] | None = None
    _upper: dict[int, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def root(self) -> bytes:
        return self.frontier.root

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Inclusion proof of a leaf that this growth added, in the grown tree.

        A sibling left of the leaf is either one of the frontier's subtrees before or was completed by this growth: were
        it complete before and its parent too, the parent would not cover a new leaf.
        """
        size = self.frontier.size
        if not self.before <= index < size:
            raise ValueError(f"leaf {index} was not added by this growth")
        depth = (size - 1).bit_length()
        block = index >> _SHARED
        if depth <= _SHARED or block == (size - 1) >> _SHARED:
            lower = self._siblings(index, 0, min(_SHARED, depth))
        else:  # the block is complete, so that all siblings within it are
            zero, one, two, three = self._made[:_SHARED]
            lower = [zero[index ^ 1], one[index >> 1 ^ 1], two[index >> 2 ^ 1], three[index >> 3 ^ 1]]
        if depth <= _SHARED:
            return tuple(lower)
        upper = self._upper.get(block)
        if upper is None:
            upper = self._upper[block] = tuple(self._siblings(index, _SHARED, depth))
        return (*lower, *upper)

    def _siblings(self, index: int, low: int, high: int) -> list[bytes]:
        if self._ragged is None:
            self._ragged = self._right_edges()
        size, made = self.frontier.size, self._made
        found: list[bytes] = []
        position = index >> low
        for level in range(low, high):
            sibling = position ^ 1
            if (sibling + 1) << level <= size:
                found.append(made[level][sibling])
            elif sibling << level < size:
                found.append(self._ragged[level])
            position >>= 1
        return found

    def _right_edges(self) -> list[bytes]:
        """For each level, the root of the leaves right of the last complete subtree of that level."""
        size = self.frontier.size
        edges: list[bytes] = []
        rest = b""
        nodes = list(self.frontier.nodes)
        for level in range(size.bit_length() + 1):
            edges.append(rest)
            if size >> level & 1:
                node = nodes.pop()
                rest = node_hash(node, rest) if rest else node
        return edges


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that a leaf hash is at `index` of the tree of `size` with root `expected` (RFC 9162 section 2.1.3.2).

    Raises IF_ERR_PROOF_INVALID.
    """
    if not 0 <= index < size:
        raise FabricError(Code.PROOF_INVALID, f"leaf {index} is not in a tree of size {size}")
    if any(len(hash_) != HASH_BYTES for hash_ in (leaf, expected, *proof)):
        raise FabricError(Code.PROOF_INVALID, f"the inclusion proof of leaf {index} holds a hash that is not 32 bytes")
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise FabricError(Code.PROOF_INVALID, f"the inclusion proof of leaf {index} is too long")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or computed != expected:
        raise FabricError(Code.PROOF_INVALID, f"the inclusion proof of leaf {index} does not lead to the signed root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of size `new` begins with the tree of size `old` (RFC 9162 section 2.1.4.2).

    An old size of 0 proves nothing and is refused here; whoever speaks a protocol that has it handles it before.
    Raises IF_ERR_PROOF_INVALID.
    """
    problem = f"sizes {old} and {new}"
    if not 0 < old <= new:
        raise FabricError(Code.PROOF_INVALID, f"no consistency proof exists for {problem}")
    if old == new:
        if proof or old_root != new_root:
            raise FabricError(Code.PROOF_INVALID, f"two roots, or a proof, for one size {old}")
        return
    if not proof:
        raise FabricError(Code.PROOF_INVALID, f"the consistency proof for {problem} is empty")
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    from_old = from_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise FabricError(Code.PROOF_INVALID, f"the consistency proof for {problem} is too long")
        if position & 1 or position == last:
            from_old = node_hash(sibling, from_old)
            from_new = node_hash(sibling, from_new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            from_new = node_hash(from_new, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or from_old != old_root or from_new != new_root:
        raise FabricError(Code.PROOF_INVALID, f"the consistency proof for {problem} does not lead to the signed roots")
