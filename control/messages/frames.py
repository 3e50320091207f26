"""What a door is handed: an envelope, or an envelope with the evidence that its claim names.

A frame is the envelope itself (JSON), or `{"envelope": "<the envelope's JSON text>", "evidence": ["<base64>", …]}`. The
envelope is a text in there, so that its bytes stay as its sender made them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.canonical import parse, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.envelopes.opening import Opened, open_envelope, read_envelope

__all__ = ["Frame", "read_frame", "with_evidence"]

MAX_EVIDENCE = 64
_WRAPPED = {"envelope", "evidence"}


@dataclass(frozen=True, slots=True)
class Frame:
    """An envelope, and the digests of the evidence that came with it, each hashed here."""

    opened: Opened
    evidence: tuple[str, ...] = ()


def read_frame(data: bytes, envelope_bytes: int, frame_bytes: int) -> Frame:
    """Read a frame of at most `frame_bytes`, its envelope of at most `envelope_bytes`.

    Raises IF_ERR_TOO_LARGE, IF_ERR_JSON_INVALID, IF_ERR_MESSAGE_INVALID, and IF_ERR_CLAIM_INVALID for evidence that the
    claim does not name.
    """
    parsed = parse(data, limit=frame_bytes)
    members = parsed.value
    if not (isinstance(members, dict) and "envelope" in members):
        if len(data) > envelope_bytes:
            raise FabricError(Code.TOO_LARGE, f"an envelope of {len(data)} bytes where {envelope_bytes} are taken")
        return Frame(read_envelope(parsed, data))
    if members.keys() - _WRAPPED or not isinstance(members["envelope"], str):
        raise FabricError(Code.MESSAGE_INVALID, "a frame has the members envelope, a text, and evidence")
    opened = open_envelope(members["envelope"].encode(), envelope_bytes)
    return Frame(opened, _checked(opened, members.get("evidence", [])))


def with_evidence(envelope: bytes, evidence: list[bytes]) -> dict[str, Any]:
    """The frame of an envelope and the bytes of its evidence, as JSON members."""
    return {
        "envelope": envelope.decode("utf-8"),
        "evidence": [base64.b64encode(one).decode("ascii") for one in evidence],
    }


def _checked(opened: Opened, evidence: Any) -> tuple[str, ...]:
    if not isinstance(evidence, list) or len(evidence) > MAX_EVIDENCE:
        raise FabricError(Code.MESSAGE_INVALID, f"evidence: a list of at most {MAX_EVIDENCE} base64 texts")
    named = {one.hash for one in opened.envelope.content.evidence}
    found = set()
    for position, text in enumerate(evidence):
        try:
            if not isinstance(text, str):
                raise ValueError
            digest = sha256(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            raise FabricError(Code.MESSAGE_INVALID, f"evidence.{position}: is not base64") from None
        if digest not in named:
            message = f"evidence.{position} is {digest}, and no evidence of the claim has that hash"
            raise FabricError(Code.CLAIM_INVALID, message)
        found.add(digest)
    return tuple(sorted(found))
