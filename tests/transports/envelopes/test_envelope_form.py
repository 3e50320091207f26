"""The form of an envelope: what is read, what is refused, and what its signature is over."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import nacl.signing
import orjson
import pytest
import rfc8785
from envelopes import draft, opened, signed

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.transports.envelopes.opening import open_envelope
from infrafabric.transports.envelopes.signing import message_bytes, sign_envelope

KEY = SigningKey.from_seed(bytes(range(32)))
REVIEW = {
    "id": "0199a0b0-0000-7000-8000-000000000001",
    "performative": "inform",
    "conversation_id": "0199a0b0-0000-7000-8000-000000000002",
    "topic_hash": "sha256:" + "0" * 64,
    "sender": "if://agent/Finance.Agent/42",
    "issued_at": "2025-11-12T10:21:00Z",
    "ttl_s": 900,
    "seq": 142,
    "nonce": "AAECAwQFBgcICQoLDA0ODw==",
    "content": {
        "claim_id": "C-00192",
        "scope": {"year": 2024, "includes": ["mobile"]},
        "evidence": [{"type": "filing", "url": "https://example.org/filing", "hash": "sha256:" + "1" * 64}],
        "source_diversity": {"domain_unique": True, "type_mix": ["filing", "db"]},
        "confidence": {"raw": 0.75, "normalized": 0.72, "basis": ["sample:large"]},
        "hazards": ["conflict>20%"],
    },
}
"""The source review's own envelope, its placeholders filled in."""


def altered(path: str, value: Any) -> dict[str, Any]:
    """The review's envelope, signed, one member replaced; None removes it."""
    members: dict[str, Any] = json.loads(json.dumps({**REVIEW, "signature": {}}))
    *outer, name = path.split(".")
    place = members
    for one in outer:
        place = place[one]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return sign_envelope(members, KEY) if "signature" in members else members


def test_the_reviews_envelope_reads_member_by_member() -> None:
    data = orjson.dumps(sign_envelope({**REVIEW, "signature": {}}, KEY))
    found = open_envelope(data, 4096)
    assert found.is_signed()
    envelope = found.envelope
    assert (envelope.sender, envelope.seq, envelope.ttl_s) == ("if://agent/Finance.Agent/42", 142, 900)
    assert envelope.signature.algorithm == "ed25519"
    assert str(envelope.content.confidence.normalized) == "0.72"
    assert envelope.content.hazards == ("conflict>20%",)
    assert found.text.encode() == data
    assert found.digest == "sha256:" + hashlib.sha256(data).hexdigest()


def test_the_signature_is_over_the_domain_and_the_canonical_envelope_without_sig() -> None:
    members = sign_envelope({**REVIEW, "signature": {}}, KEY)
    sig = base64.b64decode(members["signature"].pop("sig"))
    assert members["signature"] == {"algorithm": "ed25519", "pubkey": str(KEY.public)}
    message = b"infrafabric-message-v1\n" + rfc8785.dumps(members)
    nacl.signing.VerifyKey(KEY.public.raw).verify(message, sig)


def test_spacing_and_order_do_not_matter_to_the_signature() -> None:
    members = sign_envelope({**REVIEW, "signature": {}}, KEY)
    spaced = json.dumps(dict(reversed(members.items())), indent=3).encode()
    assert open_envelope(spaced, 1 << 16).is_signed()


@pytest.mark.parametrize(
    "path, value",
    [
        ("id", "0199a0b0-0000-4000-8000-000000000001"),
        ("id", "0199A0B0-0000-7000-8000-000000000001"),
        ("performative", "Inform!"),
        ("conversation_id", None),
        ("topic_hash", "md5:00"),
        ("sender", "Finance.Agent"),
        ("issued_at", "2025-11-12T10:21:00+01:00"),
        ("issued_at", "2025-02-30T10:21:00Z"),
        ("issued_at", 1762942860),
        ("ttl_s", 0),
        ("ttl_s", "900"),
        ("ttl_s", 31 * 86_400),
        ("seq", 0),
        ("seq", 1.5),
        ("seq", True),
        ("nonce", "AAAA"),
        ("nonce", "!" * 24),
        ("nonce", None),
        ("content.claim_id", ""),
        ("content.confidence", {"raw": 1.2, "normalized": 0.1}),
        ("content.confidence.raw", None),
        ("content.hazards", ["Not A Hazard"]),
        ("content.evidence", [{"type": "filing", "url": "https://example.org"}]),
        ("content.scope", {"text": "x" * 5_000}),
        ("extra", 1),
        ("content.extra", 1),
        ("content.topic_hash", "sha256:" + "0" * 64),
        ("content.intent", {"capability": "vmix.switcher", "intent": {}, "why": "x"}),
    ],
)
def test_what_is_no_envelope_is_refused_naming_the_member(path: str, value: Any) -> None:
    with pytest.raises(FabricError) as refused:
        open_envelope(orjson.dumps(altered(path, value)), 1 << 16)
    assert refused.value.code is Code.MESSAGE_INVALID
    assert path.split(".")[-1] in refused.value.message or "intent" in refused.value.message


@pytest.mark.parametrize("name, value", [("algorithm", "rsa"), ("pubkey", "AA=="), ("sig", ""), ("kid", "k1")])
def test_another_signature_form_is_refused(name: str, value: str) -> None:
    members = sign_envelope({**REVIEW, "signature": {}}, KEY)
    members["signature"][name] = value
    with pytest.raises(FabricError) as refused:
        open_envelope(orjson.dumps(members), 1 << 16)
    assert refused.value.code is Code.MESSAGE_INVALID


def test_an_array_is_no_envelope() -> None:
    with pytest.raises(FabricError) as refused:
        open_envelope(b"[]", 100)
    assert refused.value.code is Code.MESSAGE_INVALID


def test_a_request_names_its_capability_short_or_in_full() -> None:
    for name in ("vmix.switcher", "if://capability/vmix.switcher"):
        wanted = {"capability": name, "intent": {"scene": "Intro"}, "why": "show open"}
        found = opened(KEY, performative="request", content={"intent": wanted})
        assert found.envelope.content.intent is not None
        assert found.envelope.content.intent.capability == "if://capability/vmix.switcher"


def test_what_a_request_wants_is_checked_by_its_form() -> None:
    for wanted in (
        {"capability": "VMIX", "intent": {}, "why": "x"},
        {"capability": "vmix.switcher", "intent": {}, "why": "   "},
        {"capability": "vmix.switcher", "intent": {}},
        {"capability": "vmix.switcher", "intent": {}, "why": "x", "purpose": "undo"},
        {"capability": "vmix.switcher", "intent": {}, "why": "x", "target": "nowhere"},
    ):
        with pytest.raises(FabricError) as refused:
            opened(KEY, performative="request", content={"intent": wanted})
        assert refused.value.code is Code.MESSAGE_INVALID


def test_a_performative_that_fipa_does_not_name_is_carried() -> None:
    assert opened(KEY, performative="applaud").envelope.performative == "applaud"


def test_each_member_is_under_the_signature() -> None:
    data = orjson.loads(signed(KEY))
    for name in [*data, *(f"content.{one}" for one in data["content"])]:
        if name in ("signature", "content"):
            continue
        other = orjson.loads(orjson.dumps(draft(2)))
        changed = orjson.loads(orjson.dumps(data))
        *outer, last = name.split(".")
        place, source = (changed[outer[0]], other[outer[0]]) if outer else (changed, other)
        place[last] = {"performative": "query", "sender": "if://agent/Other", "ttl_s": 901}.get(
            last, {"scope": {"year": 1999}, "claim_id": "C-2", "hazards": ["legal"]}.get(last, source[last])
        )
        if place[last] == (data[outer[0]] if outer else data)[last]:
            place[last] = {
                "topic_hash": "sha256:" + "b" * 64,
                "evidence": [],
                "source_diversity": {},
                "confidence": {"raw": 1, "normalized": 1},
                "conversation_id": "0199a0b0-0000-7000-8000-00000000000f",
                "issued_at": "2020-01-01T00:00:00Z",
            }[last]
        assert not open_envelope(orjson.dumps(changed), 1 << 16).is_signed(), name


def test_message_bytes_leave_out_sig_alone() -> None:
    members = sign_envelope({**REVIEW, "signature": {}}, KEY)
    assert b'"sig"' not in message_bytes(members)
    assert str(KEY.public).encode() in message_bytes(members)
