"""How long an inclusion proof takes at a million entries, reading the entry and checking the proof included.

Cold: with no tile kept. Ordinary: with the tiles kept that earlier proofs read.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from infrafabric.witness.merkle import Frontier, leaf_hash, verify_inclusion
from infrafabric.witness.proofs import Tree
from infrafabric.witness.sqlite_store import SqliteStore
from infrafabric.witness.store import Commit, Row, State

ENTRIES = 1_000_000
BATCH = 4096
PROOFS = 400
LEAF, BODY = 240, 250
"""Bytes, as an ordinary entry has."""


def _fill(store: SqliteStore) -> Frontier:
    frontier = Frontier()
    for start in range(0, ENTRIES, BATCH):
        numbers = range(start, min(start + BATCH, ENTRIES))
        blob = os.urandom(LEAF)
        leaves = [number.to_bytes(8, "big") + blob[8:] for number in numbers]
        hashes = [leaf_hash(leaf) for leaf in leaves]
        growth = frontier.grow(hashes)
        frontier = growth.frontier
        rows = [
            Row(number, hash_, leaf, "effect.intended", "", "", "", "", "", "", b"s" * 32, blob + b"." * (BODY - LEAF))
            for number, hash_, leaf in zip(numbers, hashes, leaves, strict=True)
        ]
        store.commit(Commit(State("example.com/bench", frontier.size, "-"), rows, growth.tiles))
    return frontier


def _times(work: Callable[[int], None]) -> dict[str, float]:
    chance = random.Random(1)  # noqa: S311 - which entries are proven
    waits = []
    for _ in range(PROOFS):
        index = chance.randrange(ENTRIES)
        start = time.perf_counter()
        work(index)
        waits.append((time.perf_counter() - start) * 1000)
    waits.sort()
    return {"p50_ms": round(waits[PROOFS // 2], 3), "p99_ms": round(waits[PROOFS * 99 // 100], 3)}


def main() -> dict[str, Any]:
    """Proofs of random entries; the baseline is hashing as many bytes as a proof's tiles hold, 255 nodes each."""
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore(Path(folder) / "log.db")) as store:
        frontier = _fill(store)
        size = Path(folder, "log.db").stat().st_size
        with closing(store.reader()) as reader:
            warm = Tree(reader)

            def prove(tree: Tree, index: int) -> None:
                proof = tree.inclusion(index, ENTRIES)
                row = reader.row(index)
                assert row is not None
                verify_inclusion(index, ENTRIES, leaf_hash(row.leaf), proof, frontier.root)

            def hash_three_tiles(_index: int) -> None:
                for _ in range(3 * 255):
                    sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()

            cold = _times(lambda index: prove(Tree(reader), index))
            for index in range(0, ENTRIES, 65_536):
                prove(warm, index)
            cached = _times(lambda index: prove(warm, index))
            raw = _times(hash_three_tiles)
    return {
        "entries": ENTRIES,
        "bytes_an_entry": round(size / ENTRIES),
        "cold": {**cold, "ratio": round(cold["p50_ms"] / raw["p50_ms"], 3)},
        "ordinary": {**cached, "ratio": round(cached["p50_ms"] / raw["p50_ms"], 3)},
        "raw_hashing_of_three_tiles": raw,
    }


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
