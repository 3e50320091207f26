"""Approve: people answer a plan that waits, and an action that enough of them agreed to goes on."""

from __future__ import annotations

from infrafabric.kernel.canonical import signed_bytes
from infrafabric.kernel.words.plan import Verdict

__all__ = ["approval_bytes"]


def approval_bytes(*, context_digest: str, verdict: Verdict, approver: str, expires: str, nonce: str) -> bytes:
    """What a person signs to agree to a plan, or with the verdict DENY to refuse it."""
    statement = {"approver": approver, "context_digest": context_digest, "expires": expires, "nonce": nonce}
    return signed_bytes("infrafabric-approval-v1", {**statement, "verdict": verdict.value})
