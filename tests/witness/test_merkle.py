from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.merkle import (
    EMPTY_ROOT,
    Frontier,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from infrafabric.witness.proofs import Tree

sizes = st.integers(1, 700)


def naive_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return sha256(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:])).digest()


def naive_inclusion(m: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if m < k:
        return [*naive_inclusion(m, hashes[:k]), naive_root(hashes[k:])]
    return [*naive_inclusion(m - k, hashes[k:]), naive_root(hashes[:k])]


def naive_consistency(m: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    if m == len(hashes):
        return [] if whole else [naive_root(hashes)]
    k = split(len(hashes))
    if m <= k:
        return [*naive_consistency(m, hashes[:k], whole), naive_root(hashes[k:])]
    return [*naive_consistency(m - k, hashes[k:], False), naive_root(hashes[:k])]


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(index.to_bytes(4, "big")) for index in range(size)]


class Memory:
    """Stored levels of a tree, as a store keeps them."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.nodes = {(0, index): hash_ for index, hash_ in enumerate(hashes)}
        self.nodes |= {(level, index): hash_ for level, index, hash_ in Frontier().grow(hashes).tiles}

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        return [self.nodes[level, index] for index in range(start, stop) if (level, index) in self.nodes]


def test_empty_tree() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root([]) == EMPTY_ROOT


def test_reference_roots() -> None:
    """Inputs and roots of the reference implementation (certificate-transparency-go, RFC 6962 test data)."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    expected = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    hashes = [leaf_hash(bytes.fromhex(text)) for text in inputs]
    assert [root(hashes[:size]).hex() for size in range(1, 9)] == expected


@given(sizes, st.data())
def test_growing_in_steps_is_the_naive_tree(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    cut = data.draw(st.integers(0, size))
    first = Frontier().grow(hashes[:cut])
    second = first.frontier.grow(hashes[cut:])
    assert second.root == naive_root(hashes)
    assert second.frontier == Frontier().grow(hashes).frontier
    assert {*first.tiles, *second.tiles} == set(Frontier().grow(hashes).tiles)


@given(sizes, st.data())
def test_inclusion_from_growth_and_from_store_is_the_naive_proof(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    before = data.draw(st.integers(0, size - 1))
    index = data.draw(st.integers(before, size - 1))
    expected = naive_inclusion(index, hashes)
    growth = Frontier().grow(hashes[:before]).frontier.grow(hashes[before:])
    assert list(growth.inclusion(index)) == expected
    assert Tree(Memory(hashes)).inclusion(index, size) == expected
    verify_inclusion(index, size, hashes[index], expected, naive_root(hashes))


@given(sizes, st.data())
def test_consistency_is_the_naive_proof(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    old = data.draw(st.integers(1, size))
    expected = naive_consistency(old, hashes)
    assert Tree(Memory(hashes)).consistency(old, size) == expected
    verify_consistency(old, size, naive_root(hashes[:old]), naive_root(hashes), expected)


@given(st.integers(2, 300), st.data())
def test_a_spoilt_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof = naive_inclusion(index, hashes)
    at = data.draw(st.integers(0, len(proof) - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
    spoilt = [
        (index, hashes[index], [*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]]),
        (index, hashes[index], proof[:-1]),
        (index, hashes[index], [*proof, proof[0]]),
        (index, hashes[index], [*proof[:at], proof[at][:31], *proof[at + 1 :]]),
        (index, hashes[other], proof),
        (other, hashes[index], proof),
        (index + size, hashes[index], proof),
        (-1, hashes[index], proof),
    ]
    for place, leaf, path in spoilt:
        with pytest.raises(FabricError) as caught:
            verify_inclusion(place, size, leaf, path, naive_root(hashes))
        assert caught.value.code is Code.PROOF_INVALID


@given(st.integers(2, 300), st.data())
def test_a_spoilt_consistency_proof_is_refused(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    old = data.draw(st.integers(1, size - 1))
    proof = naive_consistency(old, hashes)
    old_root, new_root = naive_root(hashes[:old]), naive_root(hashes)
    false = sha256(b"false").digest()
    spoilt = [
        (old, old_root, new_root, [false, *proof[1:]]),
        (old, old_root, new_root, [*proof, proof[0]]),
        (old, old_root, new_root, []),
        (old, false, new_root, proof),
        (old, old_root, false, proof),
        (0, EMPTY_ROOT, new_root, []),
        (size, new_root, false, []),
        (size, new_root, new_root, proof),
    ]
    for small, root_then, root_now, path in spoilt:
        with pytest.raises(FabricError) as caught:
            verify_consistency(small, size, root_then, root_now, path)
        assert caught.value.code is Code.PROOF_INVALID


def test_a_proof_of_what_is_not_there() -> None:
    with pytest.raises(FabricError) as caught:
        Tree(Memory(leaves(3))).inclusion(3, 3)
    assert caught.value.code is Code.ENTRY_UNKNOWN
    with pytest.raises(FabricError) as caught:
        Tree(Memory(leaves(3))).consistency(0, 3)
    assert caught.value.code is Code.USAGE


def test_a_store_that_lacks_hashes() -> None:
    memory = Memory(leaves(600))
    del memory.nodes[8, 1]
    with pytest.raises(FabricError) as caught:
        Tree(memory).inclusion(599, 600)
    assert caught.value.code is Code.LOG_DAMAGED
