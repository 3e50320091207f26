"""The entries that say what became of a message."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from infrafabric.control.messages.routing import Routed
from infrafabric.kernel.claims import topic_key
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import nonce_key
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.entries import Kind, MessageAdmitted, MessageRefused
from infrafabric.kernel.words.names import KERNEL
from infrafabric.kernel.words.things import Talent
from infrafabric.transports.envelopes.admission import Step
from infrafabric.transports.envelopes.opening import Opened

__all__ = ["admitted_entry", "refused_entry", "trace_of"]

SAID = 1_000
"""Characters of a refusal that are kept."""


def trace_of(opened: Opened) -> str:
    """The trace that a message and what it asks for go under: its conversation, the same 128 bits."""
    return opened.envelope.conversation_id.replace("-", "")


def admitted_entry(
    opened: Opened,
    sender: Talent,
    step: Step,
    routed: Routed,
    claim: Claim,
    evidence: Collection[str],
    *,
    contradicted: bool,
) -> Entry:
    """`claim` is the envelope's."""
    envelope = opened.envelope
    wanted = envelope.content.intent
    body = MessageAdmitted(
        tenant=sender.tenant,
        talent=sender.id,
        target=(wanted.target or "") if wanted is not None else "",
        trace=trace_of(opened),
        envelope=opened.text,
        digest=opened.digest,
        id=envelope.id,
        performative=envelope.performative,
        conversation=envelope.conversation_id,
        topic=envelope.topic_hash,
        seq=envelope.seq,
        gap=step.gap,
        nonce=envelope.nonce,
        until=_rfc3339(step.known.until),
        key=envelope.signature.pubkey,
        verdict=routed.verdict.value,
        rules=routed.rules,
        reason=routed.reason,
        confidence=routed.confidence,
        evidence=tuple(evidence),
        contradicted=contradicted,
        capability=wanted.capability if wanted is not None else "",
        claim_topic=topic_key(sender.tenant, claim),
        claim_value=str(claim.value) if claim.value is not None else "",
        dropped=tuple(nonce_key(sender.id, one.seq) for one in step.dropped),
    )
    return Entry(Kind.MESSAGE_ADMITTED, body, actor=sender.id)


def refused_entry(opened: Opened, sender: Talent, error: FabricError, source: str, *, signed: bool) -> Entry:
    """The kernel's act: what comes in a sender's name may be another's, or another's copy."""
    envelope = opened.envelope
    body = MessageRefused(
        tenant=sender.tenant,
        talent=sender.id,
        trace=trace_of(opened),
        digest=opened.digest,
        id=envelope.id,
        performative=envelope.performative,
        conversation=envelope.conversation_id,
        seq=envelope.seq,
        code=error.code.value,
        message=error.message[:SAID],
        source=source,
        signed=signed,
    )
    return Entry(Kind.MESSAGE_REFUSED, body, actor=KERNEL)


def _rfc3339(at: datetime) -> str:
    """To the microsecond, so that what is read back is what was judged by."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
