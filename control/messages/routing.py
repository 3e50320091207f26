"""Where a message goes: the routing invariants on what it claims. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from infrafabric.kernel.claims import assess
from infrafabric.kernel.words.claims import CONFLICT, Claim
from infrafabric.kernel.words.plan import Verdict
from infrafabric.policy.invariants import route, strongest

__all__ = ["Routed", "route_claim"]


@dataclass(frozen=True, slots=True)
class Routed:
    verdict: Verdict
    rules: tuple[str, ...]
    reason: str
    confidence: int
    """In permille, as it counts."""


def route_claim(claim: Claim, checked: Collection[str], *, contradicted: bool) -> Routed:
    """SHARE, HOLD or ESCALATE, by the rules of `policy.invariants`, on the confidence that `kernel.claims` lets count.

    `checked` are digests of evidence that was handed in; `contradicted` adds the hazard of conflicting claims.
    """
    confidence = assess(claim, checked)
    hazards = {*claim.hazards, CONFLICT} if contradicted else claim.hazards
    demands = route(hazards, confidence)
    if not demands:
        return Routed(Verdict.SHARE, (), "", confidence)
    verdict = strongest(demand.verdict for demand in demands)
    reason = "; ".join(demand.reason for demand in demands)
    return Routed(verdict, tuple(demand.rule for demand in demands), reason, confidence)
