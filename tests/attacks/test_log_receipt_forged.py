"""Receipts and proof files that were tampered with, or put together from parts of others."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.note import Verifier
from infrafabric.witness.verify import verify


class Case:
    """A log with two actions, and receipts of both; `late` is the first action's at a later checkpoint."""

    def __init__(self) -> None:
        self.vkey = ""
        self.receipt: dict[str, Any] = {}
        self.other: dict[str, Any] = {}
        self.late: dict[str, Any] = {}
        self.proof = ""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return asyncio.run(made(tmp_path))


async def made(tmp_path: Path) -> Case:
    case = Case()
    one, two = new_action_id(), new_action_id()
    async with Bench(tmp_path).open(development=True) as log:
        await log.append(intended(one), intended(two), closed(one), closed(two))
        case.vkey = log.vkey
        case.receipt, case.other = json.loads(await log.receipt(one)), json.loads(await log.receipt(two))
        case.proof = log.tlog_proof(2)
        await log.append(intended(""), intended(""))
        case.late = json.loads(await log.receipt(one))
    return case


def refused(code: Code, receipt: dict[str, Any] | str, *vkeys: str) -> None:
    data = receipt if isinstance(receipt, str) else json.dumps(receipt)
    with pytest.raises(FabricError) as caught:
        verify(data.encode(), list(vkeys))
    assert caught.value.code is code


def test_the_true_ones_verify(case: Case) -> None:
    found = verify(json.dumps(case.receipt).encode(), [case.vkey])
    assert (found.form, found.size, found.status, found.development) == ("receipt", 4, "checkpointed", True)
    assert [entry.index for entry in found.entries] == [0, 2]
    assert [entry.leaf.kind for entry in found.entries] == ["effect.intended", "action.closed"]
    assert found.entries[0].body == intended("").body.as_json()
    proof = verify(case.proof.encode(), [case.vkey])
    assert (proof.form, proof.entries[0].index, proof.entries[0].leaf) == ("tlog-proof", 2, found.entries[1].leaf)


def test_by_another_key(case: Case) -> None:
    other = str(Verifier("example.com/test", SigningKey.generate().public.raw))
    refused(Code.NOTE_INVALID, case.receipt, other)
    refused(Code.NOTE_INVALID, case.proof, other)
    refused(Code.NOTE_INVALID, case.receipt)


def test_a_key_of_another_name(case: Case) -> None:
    other = str(Verifier("example.com/else", Verifier.parse(case.vkey).public))
    refused(Code.NOTE_INVALID, case.receipt, other)


def test_a_body_altered(case: Case) -> None:
    entry = case.receipt["entries"][0]
    entry["body"] = b64encode(b64decode(entry["body"]).replace(b"cut", b"mix")).decode()
    refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)


def test_a_salt_altered_or_alone(case: Case) -> None:
    entry = case.receipt["entries"][0]
    salt, entry["salt"] = entry["salt"], b64encode(bytes(32)).decode()
    refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)
    entry["salt"] = None
    refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)
    entry["salt"], entry["body"] = salt, None
    refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)


def test_a_leaf_altered(case: Case) -> None:
    entry = case.receipt["entries"][0]
    entry["leaf"] = b64encode(b64decode(entry["leaf"]).replace(b"intended", b"observed")).decode()
    refused(Code.PROOF_INVALID, case.receipt, case.vkey)


def test_a_leaf_moved_to_another_index(case: Case) -> None:
    case.receipt["entries"][0]["index"] = 1
    refused(Code.PROOF_INVALID, case.receipt, case.vkey)


def test_a_foreign_leaf_with_its_own_proof(case: Case) -> None:
    case.receipt["entries"].insert(1, case.other["entries"][0])
    refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)


def test_a_proof_from_another_checkpoint(case: Case) -> None:
    case.receipt["entries"][0]["proof"] = case.late["entries"][0]["proof"]
    refused(Code.PROOF_INVALID, case.receipt, case.vkey)
    case.late["checkpoint"] = case.other["checkpoint"]
    refused(Code.PROOF_INVALID, case.late, case.vkey)


def test_a_checkpoint_altered(case: Case) -> None:
    case.receipt["checkpoint"] = case.receipt["checkpoint"].replace("\n4\n", "\n5\n")
    refused(Code.NOTE_INVALID, case.receipt, case.vkey)


def test_another_origin_on_the_outside(case: Case) -> None:
    case.receipt["origin"] = "example.com/else"
    refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)


def test_entries_out_of_order_twice_or_none(case: Case) -> None:
    first, second = case.receipt["entries"]
    for entries in ([second, first], [first, first], []):
        case.receipt["entries"] = entries
        refused(Code.RECEIPT_INVALID, case.receipt, case.vkey)


def test_cosignatures_that_it_only_claims(case: Case) -> None:
    case.receipt["status"] = "cosigned(3)"
    assert verify(json.dumps(case.receipt).encode(), [case.vkey]).status == "checkpointed"


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"receipt": 2},
        {"receipt": True},
        {"status": "fine"},
        {"development": "no"},
        {"entries": {}},
        {"entries": [None]},
        {"entries": [{}]},
        {"checkpoint": None},
    ],
)
def test_other_shapes(case: Case, change: dict[str, Any]) -> None:
    refused(Code.RECEIPT_INVALID, case.receipt | change, case.vkey)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"receipt":1,"receipt":1}', "[" * 100_000])
def test_no_receipt_at_all(text: str) -> None:
    refused(Code.RECEIPT_INVALID, text, "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")


def test_proof_files(case: Case) -> None:
    head, note = case.proof.split("\n\n", 1)
    lines = head.split("\n")
    for altered, code in [
        ([lines[0], *lines[2:]], Code.RECEIPT_INVALID),
        ([*lines[:2], "index 1", *lines[3:]], Code.PROOF_INVALID),
        ([*lines[:2], "index 02", *lines[3:]], Code.RECEIPT_INVALID),
        ([*lines[:2], *lines[3:]], Code.RECEIPT_INVALID),
        (lines[:-1], Code.PROOF_INVALID),
        ([*lines, "!"], Code.RECEIPT_INVALID),
        ([*lines, "AAAA"], Code.RECEIPT_INVALID),
    ]:
        refused(code, "\n".join(altered) + "\n\n" + note, case.vkey)
    refused(Code.RECEIPT_INVALID, head, case.vkey)
