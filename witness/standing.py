"""Whether what operators set stands in the facts as the entries say: looked at whenever a log is opened for writing.

An older record, put back, is still signed by an operator, and one that was taken out says nothing. Only the entries
tell which is the last. Which entries those are is told by the leaves, all of them, up to the signed root: an index in
the same database could be edited with the facts. A mark beside the log saves reading leaves twice.
"""

from __future__ import annotations

import hmac
import logging  # noqa: TID251 - keys.library_log takes it
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Project
from infrafabric.kernel.words.entries import BodyErased, Kind
from infrafabric.witness.checkpoint import SignedCheckpoint
from infrafabric.witness.facts import decode, project_facts
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.merkle import Frontier, leaf_hash
from infrafabric.witness.startup import check_row
from infrafabric.witness.store import Reader, Row, StoreDamaged

__all__ = ["STANDING", "check_standing"]

STANDING: Mapping[Kind, str] = {
    Kind.TARGET_CHANGED: "target",
    Kind.TALENT_CHANGED: "talent",
    Kind.GRANT_CHANGED: "grant",
    Kind.ROLE_CHANGED: "role",
    Kind.BUDGET_CHANGED: "budget",
    Kind.POLICY_CHANGED: "policy",
    Kind.STOP_CHANGED: "stop",
    Kind.TRUST_CHANGED: "trust",
    Kind.TRUST_GRACED: "trust",
}
"""The tables that are compared, by the kinds that set them."""
_WANTED = tuple(f'"kind":"{kind.value}"'.encode() for kind in (*STANDING, Kind.BODY_ERASED))
_STEP = 4096
"""Leaves read at a time, and the fewest new ones for which the mark is written again."""
_PURPOSE = b"infrafabric-standing-v1\n"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the leaves of a tree said: which of its entries are to be looked at, by index, with their hashes."""

    frontier: Frontier
    entries: Mapping[int, bytes]


def check_standing(
    reader: Reader, head: SignedCheckpoint, project: Project, key: bytes, mark: Path | None = None
) -> None:
    """Compare the tables of `STANDING` with the fold of their entries below the verified checkpoint `head`.

    `mark` is a file that keeps how far the leaves were read, under a MAC by `key`; one that does not fit is made anew.
    Takes about 5 us for a leaf that is new since, and 100 us for an entry of those kinds.

    Raises IF_ERR_LOG_DAMAGED that names table and key.
    """
    try:
        seen = _read_leaves(reader, head, key, mark)
        expected = _fold(reader, seen, project)
        for table in sorted(set(STANDING.values())):
            stored = dict(reader.facts(table, ""))
            wanted = expected[table]
            for name in sorted(wanted.keys() | stored.keys()):
                if stored.get(name) not in wanted.get(name, (None,)):
                    how = "is missing" if name not in stored else "is not what the log's entries say"
                    raise FabricError(Code.LOG_DAMAGED, f"the fact {table} {name!r} {how}")
    except StoreDamaged as error:
        raise FabricError(Code.LOG_DAMAGED, f"the log cannot be read: {error}") from error


# --- which entries


def _read_leaves(reader: Reader, head: SignedCheckpoint, key: bytes, mark: Path | None) -> _Seen:
    known = _kept(mark, key)
    seen = _grown(reader, known, head.size)
    if seen.frontier.root != head.root and known.frontier.size:
        known = _Seen(Frontier(), {})  # the mark is of a history that was given up
        seen = _grown(reader, known, head.size)
    if seen.frontier.root != head.root:
        raise FabricError(Code.LOG_DAMAGED, f"the stored leaves do not lead to the checkpoint of size {head.size}")
    if mark is not None and seen.frontier.size - known.frontier.size >= _STEP:
        _keep(mark, key, seen)
    return seen


def _grown(reader: Reader, known: _Seen, size: int) -> _Seen:
    frontier, entries = known.frontier, dict(known.entries)
    while frontier.size < size:
        start = frontier.size
        leaves = reader.leaves(start, min(start + _STEP, size))
        if not leaves:
            raise FabricError(Code.LOG_DAMAGED, f"entry {start} is missing")
        hashes = [leaf_hash(leaf) for leaf in leaves]
        for index, leaf in enumerate(leaves, start):
            if any(wanted in leaf for wanted in _WANTED):
                entries[index] = hashes[index - start]
        frontier = frontier.grow(hashes).frontier
    return _Seen(frontier, entries)


# --- what they amount to


def _fold(reader: Reader, seen: _Seen, project: Project) -> dict[str, dict[str, tuple[bytes, ...]]]:
    """By table and key, the values that may stand there: as they are made now, and as the entry itself was written."""
    facts: dict[str, dict[str, tuple[bytes, ...]]] = {table: {} for table in STANDING.values()}
    rows = list(_rows(reader, seen))
    erased = {body.index for row in rows if isinstance(body := _body(row), BodyErased)}
    for row in rows:
        entry = decode(row)
        if entry is None:
            if row.number not in erased:
                raise FabricError(Code.LOG_DAMAGED, f"entry {row.number}: its body is missing, and was never erased")
            table = STANDING[Kind(row.kind)]
            pairs = [pair for pair in reader.erased_keys(row.number) if pair[0] == table]
            if not pairs:
                raise FabricError(Code.LOG_DAMAGED, f"entry {row.number}: the {table} that it set is not said")
            for _, name in pairs:
                facts[table].pop(name, None)
            continue
        if entry.kind not in STANDING:
            continue
        for fact in project_facts(project, entry, row.number, Leaf.parse(row.leaf).at):
            if fact.table != STANDING[entry.kind]:
                continue
            if fact.value is None:
                facts[fact.table].pop(fact.key, None)
            else:  # a newer version may read an old body with members that it did not have
                facts[fact.table][fact.key] = (fact.value, bytes(row.body or b""))
    return facts


def _body(row: Row) -> Any:
    if row.kind != Kind.BODY_ERASED:
        return None
    entry = decode(row)
    if entry is None:
        raise FabricError(Code.LOG_DAMAGED, f"entry {row.number} accounts for an erasure, and its body is missing")
    return entry.body


def _rows(reader: Reader, seen: _Seen) -> Iterator[Row]:
    for index, hash_ in seen.entries.items():
        row = reader.row(index)
        if row is None:
            raise FabricError(Code.LOG_DAMAGED, f"entry {index} is missing")
        check_row(row)
        if row.hash != hash_:
            raise FabricError(Code.LOG_DAMAGED, f"entry {index}: its leaf is not the one in the tree")
        yield row


# --- the mark


def _kept(mark: Path | None, key: bytes) -> _Seen:
    """What the mark says, where it was made with `key`; else that nothing was read yet."""
    nothing = _Seen(Frontier(), {})
    if mark is None or not mark.is_file():
        return nothing
    mac, content = mark.read_bytes()[:32], mark.read_bytes()[32:]
    if not hmac.compare_digest(mac, hmac.digest(key, _PURPOSE + content, "sha256")):
        return nothing
    kept = orjson.loads(content)
    frontier = Frontier(kept["size"], tuple(bytes.fromhex(node) for node in kept["nodes"]))
    return _Seen(frontier, {index: bytes.fromhex(hash_) for index, hash_ in kept["entries"]})


def _keep(mark: Path, key: bytes, seen: _Seen) -> None:
    kept = {
        "size": seen.frontier.size,
        "nodes": [node.hex() for node in seen.frontier.nodes],
        "entries": [(index, hash_.hex()) for index, hash_ in seen.entries.items()],
    }
    content = orjson.dumps(kept)
    new = mark.with_name(mark.name + ".new")
    try:
        with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(hmac.digest(key, _PURPOSE + content, "sha256") + content)
        new.replace(mark)
    except OSError as error:  # the next start reads the leaves again
        _log.warning("how far the log was read could not be kept in %s: %s", mark.name, error)
