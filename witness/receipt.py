"""Receipts: the proof of an action that its holder can keep. Pure; `verify` checks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from infrafabric.kernel.canonical import loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.note import b64decode, b64encode

__all__ = ["OpenedEntry", "Receipt", "as_json", "decode", "encode"]

VERSION = 1
MAX_RECEIPT_BYTES = 256 << 20
"""A receipt holds bodies of up to 1 MiB each."""
MAX_ENTRIES = 10_000
MAX_PROOF = 63
"""Hashes in a proof: a tree has fewer than 2^63 leaves."""

_STATUS = re.compile(r"checkpointed|cosigned\([1-9]\d{0,2}\)")


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """An entry with all that it takes to check it. `body` and `salt` are both None once erased."""

    index: int
    leaf: bytes
    proof: tuple[bytes, ...]
    body: bytes | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Entries of one action, all proven against one checkpoint. Nothing in it is to be believed before `verify`."""

    origin: str
    checkpoint: str
    entries: tuple[OpenedEntry, ...]
    development: bool = False
    status: str = "checkpointed"
    """`checkpointed`, or `cosigned(k)` by k others."""


def encode(receipt: Receipt) -> bytes:
    """The receipt as RFC 8785 JSON, on which the fast serializer agrees: its members are of ASCII names, and hold text,
    integers, true, false and nothing else. Raises IF_ERR_JSON_INVALID."""
    try:
        return orjson.dumps(as_json(receipt), option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError as error:
        raise FabricError(Code.JSON_INVALID, str(error)) from None


def as_json(receipt: Receipt) -> dict[str, Any]:
    """The receipt's members, as `decode` reads them, for an answer that holds it among others."""
    return {
        "receipt": VERSION,
        "status": receipt.status,
        "development": receipt.development,
        "origin": receipt.origin,
        "checkpoint": receipt.checkpoint,
        "entries": [
            {
                "index": entry.index,
                "leaf": b64encode(entry.leaf),
                "proof": [b64encode(hash_) for hash_ in entry.proof],
                "body": None if entry.body is None else b64encode(entry.body),
                "salt": None if entry.salt is None else b64encode(entry.salt),
            }
            for entry in receipt.entries
        ],
    }


def decode(data: bytes) -> Receipt:
    """Read a receipt strictly: exactly the members that it has, each of its type. Raises IF_ERR_RECEIPT_INVALID."""
    try:
        members = loads(data, limit=MAX_RECEIPT_BYTES)
    except FabricError as error:
        raise FabricError(Code.RECEIPT_INVALID, f"the receipt cannot be read: {error.message}") from None
    shape = {"receipt": int, "status": str, "development": bool, "origin": str, "checkpoint": str, "entries": list}
    _check(members, shape, "the receipt")
    if members["receipt"] != VERSION:
        raise FabricError(Code.RECEIPT_INVALID, f"receipts of version {members['receipt']} are not known here")
    if _STATUS.fullmatch(members["status"]) is None:
        raise FabricError(Code.RECEIPT_INVALID, f"{members['status'][:40]!r} is no status of a receipt")
    if not 1 <= len(members["entries"]) <= MAX_ENTRIES:
        raise FabricError(Code.RECEIPT_INVALID, f"a receipt has 1 to {MAX_ENTRIES} entries")
    entries = tuple(_entry(entry, position) for position, entry in enumerate(members["entries"]))
    return Receipt(members["origin"], members["checkpoint"], entries, members["development"], members["status"])


def _entry(members: Any, position: int) -> OpenedEntry:
    where = f"entry {position} of the receipt"
    optional = (str, type(None))
    _check(members, {"index": int, "leaf": str, "proof": list, "body": optional, "salt": optional}, where)
    if len(members["proof"]) > MAX_PROOF or not all(isinstance(hash_, str) for hash_ in members["proof"]):
        raise FabricError(Code.RECEIPT_INVALID, f"{where}: its proof is no list of up to {MAX_PROOF} hashes")
    try:
        return OpenedEntry(
            members["index"],
            b64decode(members["leaf"]),
            tuple(b64decode(hash_) for hash_ in members["proof"]),
            None if members["body"] is None else b64decode(members["body"]),
            None if members["salt"] is None else b64decode(members["salt"]),
        )
    except ValueError:
        raise FabricError(Code.RECEIPT_INVALID, f"{where} holds something that is not base64") from None


def _check(members: Any, shape: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    if not isinstance(members, dict) or members.keys() != shape.keys():
        raise FabricError(Code.RECEIPT_INVALID, f"{where} does not have the members {', '.join(shape)}")
    for name, kind in shape.items():
        value = members[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise FabricError(Code.RECEIPT_INVALID, f"{where}: {name} is of the wrong type")
