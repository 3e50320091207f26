"""Answers to plans that wait, signed by a passkey: what is to be signed, and the signed answer. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from infrafabric.kernel.approving import approval_bytes
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.plan import Verdict

if TYPE_CHECKING:
    from infrafabric.kernel.ports import Asked
    from infrafabric.kernel.words.access import Assertion

__all__ = ["agreement", "challenge_of", "objection", "statement_of"]


def statement_of(asked: Asked, approver: str, verdict: Verdict) -> bytes:
    """What `approver` signs to agree to the plan that `asked` is about, or with the verdict DENY to refuse it."""
    return approval_bytes(
        context_digest=asked.context_digest,
        verdict=verdict,
        approver=approver,
        expires=asked.pending.expires,
        nonce=asked.pending.nonce,
    )


def challenge_of(asked: Asked, approver: str, verdict: Verdict) -> bytes:
    """The challenge that a passkey is given for that: the statement's SHA-256."""
    return hashlib.sha256(statement_of(asked, approver, verdict)).digest()


def agreement(asked: Asked, approver: str, assertion: Assertion, why: str) -> ApprovalGiven:
    """That `approver` agrees, by passkey."""
    return ApprovalGiven(
        approver=approver,
        verdict=asked.decision.verdict,
        context_digest=asked.context_digest,
        nonce=asked.pending.nonce,
        expires=asked.pending.expires,
        why=why,
        assertion=assertion,
    )


def objection(asked: Asked, approver: str, assertion: Assertion, why: str) -> ApprovalRefused:
    """That `approver` refuses, by passkey."""
    return ApprovalRefused(
        approver=approver,
        context_digest=asked.context_digest,
        nonce=asked.pending.nonce,
        expires=asked.pending.expires,
        why=why,
        assertion=assertion,
    )
