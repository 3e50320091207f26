"""Envelopes of IF.connect v2.1, and what the log says of each that was admitted or refused.

Names and nesting are those of the format; members beyond them are refused. Two are optional additions of this kernel,
both in `content`: `value`, the number that is claimed, and `intent`, what a request asks to be done.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.body import Body
from infrafabric.kernel.words.claims import (
    Claim,
    ClaimHazard,
    ClaimId,
    Confidence,
    Evidence,
    Number,
    ScopeOf,
    SourceDiversity,
)
from infrafabric.kernel.words.names import Digest, TalentId, TargetName, capability_id

__all__ = [
    "PERFORMATIVES", "REQUEST", "Content", "Envelope", "EnvelopeSignature", "MessageAdmitted", "MessageRefused",
    "Wanted",
]  # fmt: skip

REQUEST = "request"
"""The one performative that acts."""
PERFORMATIVES = (
    "accept-proposal", "agree", "cancel", "cfp", "confirm", "disconfirm", "failure", "inform", "inform-if",
    "inform-ref", "not-understood", "propagate", "propose", "proxy", "query-if", "query-ref", "refuse",
    "reject-proposal", "request", "request-when", "request-whenever", "subscribe",
)  # fmt: skip
"""Those that FIPA names (FIPA00037). Others are carried as well: what they mean is between the talents."""

_KEY_TEXT, _SIGNATURE_TEXT = 44, 88


def _bytes_of(least: int, most: int, text: str) -> str:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64 (RFC 4648 section 4, padded)") from None
    if not least <= len(data) <= most:
        size = str(least) if least == most else f"{least} to {most}"
        raise ValueError(f"is not the base64 of {size} bytes")
    return text


def _known_form(name: str) -> str:
    try:
        return capability_id(name)
    except FabricError as error:
        raise ValueError(error.message) from None


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is no time") from None
    return text


Uuid7 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
"""RFC 9562 section 5.7, in lower case."""
Nonce = Annotated[str, StringConstraints(max_length=88), AfterValidator(lambda text: _bytes_of(12, 64, text))]
"""Base64 of 12 to 64 bytes, of which the sender uses none twice; 16 random ones are usual."""
IssuedAt = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"),
    AfterValidator(_time),
]
"""RFC 3339 UTC."""
Seconds = Annotated[int, Field(strict=True, ge=1, le=30 * 86_400)]
Sequence = Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]
Performative = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,31}$")]


class EnvelopeSignature(Word):
    """Ed25519 (RFC 8032) by the sender's enrolled key; `transports.envelopes.signing` says over which bytes."""

    algorithm: Literal["ed25519"]
    pubkey: Annotated[str, StringConstraints(min_length=_KEY_TEXT, max_length=_KEY_TEXT)]
    """Base64 of the 32 bytes."""
    sig: Annotated[str, StringConstraints(min_length=_SIGNATURE_TEXT, max_length=_SIGNATURE_TEXT)]
    """Base64 of the 64 bytes."""


class Wanted(Word):
    """What a request asks to be done, as its sender."""

    capability: Annotated[str, StringConstraints(max_length=200), AfterValidator(_known_form)]
    """Full or short; kept in full."""
    intent: Mapping[str, Any]
    why: Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]
    target: TargetName | None = None
    """None: the only one there is."""
    purpose: Literal["apply", "plan", "dry_run"] = "apply"


class Content(Word):
    """What is said, how sure the sender is of it, and on what evidence."""

    claim_id: ClaimId
    scope: ScopeOf = {}
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=64)] = ()
    source_diversity: SourceDiversity = SourceDiversity()
    confidence: Confidence
    hazards: Annotated[tuple[ClaimHazard, ...], Field(max_length=32)] = ()
    value: Number | None = None
    """The number that is claimed, where it is one: talents that say otherwise on one topic contradict each other."""
    intent: Wanted | None = None


class Envelope(Word):
    """A signed message of one talent."""

    id: Uuid7
    performative: Performative
    conversation_id: Uuid7
    topic_hash: Digest
    """Of the seed citations: what the conversation is about."""
    sender: TalentId
    issued_at: IssuedAt
    ttl_s: Seconds
    """Seconds from `issued_at` in which it may be admitted."""
    seq: Sequence
    """Rises from one message of the sender to its next, whatever the conversation."""
    nonce: Nonce
    signature: EnvelopeSignature
    content: Content

    @model_validator(mode="after")
    def _acts(self) -> Envelope:
        if self.content.intent is not None and self.performative != REQUEST:
            raise ValueError(f"content.intent goes with the performative {REQUEST} alone")
        return self

    @property
    def claim(self) -> Claim:
        """The content as the claim that a decision rests on."""
        content = self.content
        return Claim.model_construct(
            claim_id=content.claim_id,
            confidence=content.confidence,
            topic_hash=self.topic_hash,
            value=content.value,
            scope=content.scope,
            evidence=content.evidence,
            source_diversity=content.source_diversity,
            hazards=content.hazards,
        )

    @property
    def issued(self) -> datetime:
        return datetime.fromisoformat(self.issued_at).astimezone(UTC)


class MessageAdmitted(Body):
    """A message was taken: from then on its `seq` and nonce are used. Its trace is its conversation."""

    envelope: str
    """As it came, whole; what its signature is over follows from it."""
    digest: Digest
    """SHA-256 of `envelope`."""
    id: str
    performative: str
    conversation: str
    topic: str
    seq: int
    gap: int
    """Sequence numbers between the sender's last message and this one: what was lost, or is still to come and will be
    refused."""
    nonce: str
    until: str
    """RFC 3339 UTC: to when the nonce is remembered; the message is expired then."""
    key: str
    """The sender's key that it is signed by, base64."""
    verdict: str
    """SHARE, HOLD or ESCALATE, as the routing invariants have it."""
    rules: tuple[str, ...]
    reason: str
    confidence: int
    """In permille, as it counts: capped by what evidence was checked."""
    evidence: tuple[str, ...] = ()
    """Digests of the evidence that was handed in beside the envelope."""
    contradicted: bool = False
    """Another talent said otherwise lately."""
    capability: str = ""
    """What a request asks for."""
    claim_topic: str = ""
    """Under which the claimed number stands among the facts; "" where none is claimed."""
    claim_value: str = ""
    dropped: tuple[str, ...] = ()
    """Keys of the sender's nonces whose time was over, and which are forgotten from here on."""


class MessageRefused(Body):
    """A message in the name of a talent that is here was refused. What it said is not kept: it was not taken."""

    digest: Digest
    """SHA-256 of the envelope as it came."""
    id: str
    performative: str
    conversation: str
    seq: int
    code: str
    message: str
    source: str
    """Where it came from: an address, or the door's name."""
    signed: bool
    """Whether the sender's key signed it, so that it is the sender's own or a copy of it; else anyone may have made
    it."""
