"""`ifctl message`: as a person or a script uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from envelopes import EVIDENCE, TOPIC
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.canonical import sha256

FINANCE = "if://agent/Finance.Agent"


def draft(**more: Any) -> dict[str, Any]:
    return {
        "performative": "inform",
        "topic_hash": TOPIC,
        "content": {
            "claim_id": "C-00192",
            "evidence": [{"type": "filing", "url": "https://example.org/f", "hash": sha256(EVIDENCE)}],
            "confidence": {"raw": 0.75, "normalized": 0.72},
        },
        **more,
    }


@pytest.fixture
def finance(bare_home: Ifctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ifctl:
    """A home with a talent that has a key, and a draft in the working folder."""
    bare_home.ok("talent", "add", "--name", "Finance.Agent", "--role", "analyst", "--why", "a test")
    bare_home.ok("talent", "key", "Finance.Agent", "--why", "a test")
    monkeypatch.chdir(tmp_path)
    Path("draft.json").write_text(json.dumps(draft()))
    return bare_home


def sign(ifctl: Ifctl, name: str = "frame.json") -> Path:
    ifctl.ok("message", "sign", "draft.json", "--as", "Finance.Agent", "--out", name)
    return Path(name)


def test_a_draft_is_signed_sent_and_proven(finance: Ifctl) -> None:
    sign(finance)
    verified = finance.ok("message", "verify", "@frame.json")
    assert (verified["signature"], verified["admissible"], verified["seq"]) == (True, True, 1)
    answer = finance.ok("message", "send", "@frame.json", "--receipt", "receipt.json")
    assert (answer["sender"], answer["seq"], answer["verdict"]) == (FINANCE, 1, "HOLD")
    vkey = finance("witness", "vkey").stdout.strip()
    proven = finance.ok("witness", "verify", "receipt.json", "--vkey", vkey)
    assert proven["entries"][0]["index"] == answer["index"]
    status, code, _ = finance.refused("message", "send", "@frame.json")
    assert (status, code) == (1, "IF_ERR_MESSAGE_REPLAYED")
    again = finance("message", "verify", "frame.json", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["admissible"] is False
    stands = finance.ok("message", "sender", "Finance.Agent")
    assert (stands["seq"], stands["next"], stands["nonces"], stands["last"]) == (1, 2, 1, answer["id"])


def test_the_spelling_of_the_source_review(finance: Ifctl) -> None:
    """`message send --json @frame.json --trace`: the frame by --json, the answer for people, each step on stderr."""
    frame = sign(finance)
    conversation = json.loads(frame.read_text())["conversation_id"]
    result = finance("message", "send", "--json", "@frame.json", "--trace")
    assert result.exit_code == 0, result.output
    assert "verdict  HOLD" in result.stdout
    steps = [line.strip() for line in result.stderr.splitlines()]
    assert f"trace {conversation.replace('-', '')}" in steps
    assert [step for step in steps if " " not in step] == ["form", "sender", "signature", "admitted", "recorded"]


def test_json_twice_gives_the_frame_and_asks_for_json(finance: Ifctl) -> None:
    sign(finance)
    result = finance("message", "send", "--json", "@frame.json", "--json")
    assert json.loads(result.stdout)["verdict"] == "HOLD"


def test_evidence_files_let_the_confidence_count(finance: Ifctl) -> None:
    sign(finance)
    Path("filing.txt").write_bytes(EVIDENCE)
    answer = finance.ok("message", "send", "frame.json", "--evidence", "filing.txt")
    assert (answer["confidence"], answer["verdict"]) == ("0.6", "SHARE")


def test_numbers_go_on_and_nothing_is_filled_in_twice(finance: Ifctl) -> None:
    for seq in (1, 2):
        frame = sign(finance, f"frame-{seq}.json")
        assert json.loads(frame.read_text())["seq"] == seq
        finance.ok("message", "send", str(frame))
    Path("draft.json").write_text(json.dumps(draft(seq=9, sender="Finance.Agent")))
    assert finance.ok("message", "send", str(sign(finance, "nine.json")))["gap"] == 6


def test_verify_takes_a_key_without_a_home(finance: Ifctl, tmp_path: Path) -> None:
    frame = json.loads(sign(finance).read_text())
    nowhere = Ifctl(tmp_path / "nowhere")
    key = frame["signature"]["pubkey"]
    shape = nowhere.ok("message", "verify", "frame.json", "--key", key)
    assert (shape["signature"], shape["admissible"]) == (True, None)
    frame["seq"] = 2
    Path("altered.json").write_bytes(orjson.dumps(frame))
    result = nowhere("message", "verify", "altered.json", "--key", key, "--json")
    assert (result.exit_code, json.loads(result.stdout)["signature"]) == (1, False)


def test_verify_says_what_is_wrong(finance: Ifctl) -> None:
    frame = json.loads(sign(finance).read_text())
    frame["ttl_s"] += 1
    Path("altered.json").write_bytes(orjson.dumps(frame))
    result = finance("message", "verify", "altered.json")
    assert result.exit_code == 1
    assert "does NOT hold" in result.stdout
    assert "IF_ERR_MESSAGE_SIGNATURE" in result.stderr


def test_signing_needs_the_senders_own_key(finance: Ifctl) -> None:
    finance.ok("talent", "add", "--name", "Other.Agent", "--role", "analyst", "--why", "a test")
    assert finance.refused("message", "sign", "draft.json", "--as", "Other.Agent")[1] == "IF_ERR_KEY_MISSING"
    assert finance.refused("message", "sign", "draft.json")[1] == "IF_ERR_MESSAGE_INVALID"
    Path("draft.json").write_text(json.dumps(draft(sender=FINANCE)))
    assert finance.refused("message", "sign", "draft.json", "--as", "Other.Agent")[1] == "IF_ERR_MESSAGE_INVALID"


def test_a_request_switches_the_mixer(
    studio: tuple[Ifctl, VmixSimulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ifctl, _ = studio
    monkeypatch.chdir(tmp_path)
    ifctl.ok("talent", "add", "--name", "Finance.Agent", "--role", "analyst", "--why", "a test")
    ifctl.ok("talent", "key", "Finance.Agent", "--why", "a test")
    wanted = {"capability": "vmix.switcher", "intent": {"scene": "Intro"}, "why": "show open", "purpose": "plan"}
    content = {**draft()["content"], "intent": wanted}
    Path("draft.json").write_text(json.dumps(draft(performative="request", content=content)))
    sign(ifctl)
    result = ifctl("message", "send", "frame.json", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert answer["report"]["error"]["code"] == "IF_ERR_NOT_GRANTED"
    ifctl.ok("talent", "grant", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "a test")
    again = ifctl.ok("message", "send", str(sign(ifctl, "again.json")))
    assert again["report"]["outcome"] == "planned"
