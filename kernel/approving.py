"""Approving: what a person signs, whose answer may count for whom, which question gives way to a newer one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from infrafabric.kernel.canonical import signed_bytes
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs

__all__ = ["approval_bytes", "giving_way", "who_must_agree"]


def approval_bytes(*, context_digest: str, verdict: Verdict, approver: str, expires: str, nonce: str) -> bytes:
    """What a person signs to agree to a plan, or with the verdict DENY to refuse it."""
    statement = {"approver": approver, "context_digest": context_digest, "expires": expires, "nonce": nonce}
    return signed_bytes("infrafabric-approval-v1", {**statement, "verdict": verdict.value})


def who_must_agree(needs: Needs, verdict: Verdict) -> str:
    """How many people of which roles, in words, and whether a second source is as good."""
    who = f" of the role {' or '.join(needs.roles)}" if needs.roles else ""
    people = f"{needs.people} {'person' if needs.people == 1 else 'people'}{who}"
    source = ", or a second source" if needs.source and verdict is Verdict.HOLD else ""
    return f"{people} must agree{source}"


def giving_way(
    pending: Iterable[tuple[str, Mapping[str, Any]]], talent: str, most: int, held: Collection[str]
) -> list[str]:
    """The talent's oldest open questions, as many as must end so that one more makes at most `most` of them.

    `pending` are the rows of the facts table of that name; those in `held` are being answered now and stay. Another
    talent's questions are never touched.
    """
    own = sorted((fact["at"], action) for action, fact in pending if fact["talent"] == talent)
    surplus = len(own) + 1 - most
    free = [action for _, action in own if action not in held]
    return free[: max(surplus, 0)]
