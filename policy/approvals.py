"""Approvals: who may answer a plan that waits, and whether enough of them have agreed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.words.entries import ApprovalGiven
from infrafabric.kernel.words.plan import Decision
from infrafabric.kernel.words.policy import Needs, Pending

__all__ = ["PeopleApprovals"]


class PeopleApprovals:
    """Implements the kernel's port `Approvals`."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def ask(self, decision: Decision) -> Pending:
        """The question that a HOLD or an ESCALATE puts to people: a fresh nonce, and when it expires."""
        needs = decision.needs or Needs()
        nonce = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
        expires = self._now() + timedelta(seconds=needs.wait_s)
        return Pending(needs=needs, nonce=nonce, expires=f"{expires:%Y-%m-%dT%H:%M:%SZ}")

    def check(self, asked: Asked, given: ApprovalGiven, before: Sequence[ApprovalGiven]) -> None:
        """Raise IF_ERR_APPROVAL_INVALID unless `given` counts, beside those given before it."""
        raise FabricError(Code.APPROVAL_INVALID, f"nobody may answer {asked.action}")

    def missing(self, asked: Asked, given: Sequence[ApprovalGiven]) -> str:
        """What still lacks, in words; "" where enough agreed whose approvals count now. Never raises."""
        return f"nobody may answer {asked.action}"
