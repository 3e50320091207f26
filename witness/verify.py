"""Verifying a receipt or a proof file offline: no home, no network, and no key but those the caller gives.

What it does not show: that the action has no further entries, and, for a checkpoint without cosignatures, that the log
shows everyone the same tree. Those take an audit, an anchor or a cosigner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.canonical import loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness import receipt as receipts
from infrafabric.witness.checkpoint import SignedCheckpoint, open_checkpoint
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.merkle import leaf_hash, verify_inclusion
from infrafabric.witness.note import COSIGNATURE_V1, Verifier
from infrafabric.witness.tlog_proof import HEADER, TlogProof

__all__ = ["Verified", "VerifiedEntry", "verify", "verify_receipt", "verify_tlog_proof"]

MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """An entry that is in the log. `body` is None where it was erased, or is not part of the file."""

    index: int
    leaf: Leaf
    body: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What the file proves."""

    form: str
    """`receipt`, `tlog-proof`, or `entry`: a receipt of one entry that belongs to no action."""
    origin: str
    size: int
    root: bytes
    status: str
    """`checkpointed`, or `cosigned(k)` by k of the cosigners that the caller gave; never what the file claims."""
    action: str
    """"" for an entry that belongs to none."""
    entries: tuple[VerifiedEntry, ...]
    erased: tuple[int, ...]
    """Entries whose bodies are not in the receipt: erased in the log, or withheld by whoever passed it on."""
    cosigners: tuple[str, ...]
    signed_by: tuple[str, ...]
    """Those of the given verifier keys of the log that signed: for what is younger than a change of keys, the former
    one alone is not enough."""
    development: bool
    """The file says that it comes from a development home. Nobody signed that."""


def verify(data: bytes, vkeys: Sequence[str]) -> Verified:
    """Verify a receipt or a tlog-proof file by the log's vkey, and cosigners' vkeys where there are any.

    Raises IF_ERR_VKEY_INVALID, IF_ERR_NOTE_INVALID (not signed by a given key), IF_ERR_PROOF_INVALID (not in the tree),
    IF_ERR_RECEIPT_INVALID (malformed, or a body that the log did not commit to, or entries of several actions).
    """
    if data.startswith(HEADER.encode() + b"\n"):
        return verify_tlog_proof(data, vkeys)
    return verify_receipt(data, vkeys)


def verify_receipt(data: bytes, vkeys: Sequence[str]) -> Verified:
    """See `verify`."""
    receipt = receipts.decode(data)
    head = open_checkpoint(receipt.checkpoint, [Verifier.parse(vkey) for vkey in vkeys])
    if receipt.origin != head.origin:
        raise FabricError(Code.RECEIPT_INVALID, "the receipt names another origin than its checkpoint")
    entries = tuple(_opened(entry, head) for entry in receipt.entries)
    indexes = [entry.index for entry in entries]
    if any(later <= earlier for earlier, later in zip(indexes, indexes[1:], strict=False)):
        raise FabricError(Code.RECEIPT_INVALID, "the receipt's entries are not in the order of the log")
    actions = {entry.leaf.action for entry in entries}
    if len(actions) != 1 or ("" in actions and len(entries) != 1):
        raise FabricError(Code.RECEIPT_INVALID, "the receipt's entries do not all belong to one action")
    erased = tuple(entry.index for entry in entries if entry.body is None)
    return _verified("entry" if "" in actions else "receipt", head, entries, erased, receipt.development)


def verify_tlog_proof(data: bytes, vkeys: Sequence[str], leaf: bytes | None = None) -> Verified:
    """See `verify`. The leaf is the one given, else the one in the file's `extra` line."""
    proof = TlogProof.decode(data)
    leaf = leaf if leaf is not None else proof.extra
    if leaf is None:
        raise FabricError(Code.RECEIPT_INVALID, "the proof file does not say which leaf it is about")
    head = open_checkpoint(proof.checkpoint, [Verifier.parse(vkey) for vkey in vkeys])
    verify_inclusion(proof.index, head.size, leaf_hash(leaf), proof.proof, head.root)
    return _verified("tlog-proof", head, (VerifiedEntry(proof.index, Leaf.parse(leaf), None),), (), False)


def _opened(entry: receipts.OpenedEntry, head: SignedCheckpoint) -> VerifiedEntry:
    verify_inclusion(entry.index, head.size, leaf_hash(entry.leaf), entry.proof, head.root)
    leaf = Leaf.parse(entry.leaf)
    if entry.body is None and entry.salt is None:
        return VerifiedEntry(entry.index, leaf, None)
    if entry.body is None or entry.salt is None or not leaf.commits_to(entry.salt, entry.body):
        raise FabricError(Code.RECEIPT_INVALID, f"the body of entry {entry.index} is not the one that was logged")
    try:
        body = loads(entry.body, limit=MAX_BODY_BYTES)
    except FabricError as error:
        raise FabricError(Code.RECEIPT_INVALID, f"the body of entry {entry.index}: {error.message}") from None
    if not isinstance(body, dict):
        raise FabricError(Code.RECEIPT_INVALID, f"the body of entry {entry.index} is no object")
    return VerifiedEntry(entry.index, leaf, body)


def _verified(
    form: str, head: SignedCheckpoint, entries: tuple[VerifiedEntry, ...], erased: tuple[int, ...], development: bool
) -> Verified:
    cosigners = tuple(key.name for key in head.cosigners if key.type_byte == COSIGNATURE_V1)
    keys = tuple(str(Verifier(head.origin, public)) for public in head.keys)
    status = f"cosigned({len(cosigners)})" if cosigners else "checkpointed"
    action = entries[0].leaf.action
    return Verified(
        form, head.origin, head.size, head.root, status, action, entries, erased, cosigners, keys, development
    )
