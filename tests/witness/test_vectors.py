"""The log's bytes are what they were when the format was fixed; see tests/vectors/witness.md."""

from __future__ import annotations

import importlib.util
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from infrafabric.witness.leaf import Leaf, pseudonym
from infrafabric.witness.verify import verify

FOLDER = Path(__file__).parent.parent / "vectors"


@pytest.fixture
def known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "witness.json").read_text())
    return found


async def test_this_version_gives_the_same_bytes(known: dict[str, Any]) -> None:
    spec = importlib.util.spec_from_file_location("witness_generate", FOLDER / "witness_generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert await module.vectors() == known


def test_the_vectors_verify(known: dict[str, Any]) -> None:
    receipt = verify(known["receipt"].encode(), [known["vkey"]])
    assert (receipt.size, receipt.erased, len(receipt.entries)) == (2, (), 2)
    assert verify(known["tlog_proof"].encode(), [known["vkey"]]).entries[0].leaf == receipt.entries[1].leaf


def test_the_vectors_by_hand(known: dict[str, Any]) -> None:
    """The root, from the leaves alone and with nothing of the code under test."""
    first, second = (sha256(b"\x00" + entry["leaf"].encode()).digest() for entry in known["entries"])
    root = sha256(b"\x01" + first + second).digest()
    import base64

    assert known["checkpoint"].split("\n")[:3] == ["example.com/vectors", "2", base64.b64encode(root).decode()]
    for entry in known["entries"]:
        salted = b"infrafabric-body-v1\n" + bytes.fromhex(entry["salt"]) + entry["body"].encode()
        token = base64.urlsafe_b64encode(sha256(salted).digest()).decode().rstrip("=")
        assert json.loads(entry["leaf"])["body"] == token
    name = pseudonym(bytes.fromhex(known["pseudonym_key"]), "if://agent/Finance.Agent/42")
    assert Leaf.parse(known["entries"][0]["leaf"].encode()).actor == name
