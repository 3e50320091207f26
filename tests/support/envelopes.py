"""Envelopes for tests and benchmarks, signed as a sender signs them."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from typing import Any

import orjson

from infrafabric.kernel.words.names import new_action_id
from infrafabric.keys.signing import SigningKey
from infrafabric.transports.envelopes.opening import Opened, open_envelope
from infrafabric.transports.envelopes.signing import sign_envelope

__all__ = ["EVIDENCE", "SENDER", "TOPIC", "draft", "opened", "signed"]

SENDER = "if://agent/Finance.Agent/42"
TOPIC = "sha256:" + "a" * 64
EVIDENCE = b"net revenue 2024: 1,250 MEUR\n"


def draft(seq: int = 1, *, at: datetime | None = None, content: dict[str, Any] | None = None, **more: Any) -> Any:
    """An unsigned inform, issued now unless `at` says when. `content` and `more` replace members."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    said = {
        "claim_id": "C-00192",
        "scope": {"year": 2024, "includes": ["mobile"]},
        "evidence": [{"type": "filing", "url": "https://example.org/filing", "hash": TOPIC}],
        "source_diversity": {"domain_unique": True, "type_mix": ["filing", "db"]},
        "confidence": {"raw": 0.75, "normalized": 0.72, "basis": ["sample:large"]},
        "hazards": [],
    }
    return {
        "id": new_action_id(),
        "performative": "inform",
        "conversation_id": new_action_id(),
        "topic_hash": TOPIC,
        "sender": SENDER,
        "issued_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ttl_s": 900,
        "seq": seq,
        "nonce": base64.b64encode(os.urandom(16)).decode(),
        "content": {**said, **(content or {})},
        **more,
    }


def signed(key: SigningKey, seq: int = 1, **more: Any) -> bytes:
    """The bytes of a signed envelope; see `draft`."""
    return orjson.dumps(sign_envelope({**draft(seq, **more), "signature": {}}, key))


def opened(key: SigningKey, seq: int = 1, **more: Any) -> Opened:
    return open_envelope(signed(key, seq, **more), 1 << 20)
