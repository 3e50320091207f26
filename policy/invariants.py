"""Routing invariants: what holds in front of every policy, and how verdicts of several origins become one.

Pure functions. A policy may raise what stands here, never lower it.

| rule | verdict | when |
|---|---|---|
| `routing/hazard-override` | ESCALATE | a hazard is `legal`, `safety` or `conflict>20%`, whatever the confidence |
| `routing/low-confidence` | ESCALATE | the confidence is below 0.20 |
| `routing/borderline` | HOLD | it is below 0.30 |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from infrafabric.kernel.words.claims import CONFLICT
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs

__all__ = ["Demand", "RolesDiffer", "combine", "route", "strongest"]

OVERRIDING = frozenset({"legal", "safety", CONFLICT})
LOW, BORDERLINE = 200, 300
"""Permille of normalized confidence."""
_ORDER = (Verdict.SHARE, Verdict.HOLD, Verdict.ESCALATE, Verdict.DENY)


@dataclass(frozen=True, slots=True)
class Demand:
    """That people agree, or that there is one more source: which rule wants it, and why."""

    rule: str
    verdict: Verdict
    """HOLD or ESCALATE."""
    needs: Needs
    reason: str


class RolesDiffer(Exception):
    """Two demands name people of different roles: no one question can meet both."""


def route(hazards: Collection[str], confidence: int | None) -> tuple[Demand, ...]:
    """What the invariants demand. `confidence` is permille, None where none counts."""
    demands = []
    if overriding := sorted(OVERRIDING.intersection(hazards)):
        reason = f"policy: hazard override ({', '.join(overriding)})"
        demands.append(Demand("routing/hazard-override", Verdict.ESCALATE, Needs(), reason))
    if confidence is not None and confidence < LOW:
        demands.append(Demand("routing/low-confidence", Verdict.ESCALATE, Needs(), "low confidence"))
    elif confidence is not None and confidence < BORDERLINE:
        reason = "borderline; need second source/scope check"
        demands.append(Demand("routing/borderline", Verdict.HOLD, Needs(source=True), reason))
    return tuple(demands)


def strongest(verdicts: Iterable[Verdict]) -> Verdict:
    """The strongest of them; SHARE where there is none."""
    return max(verdicts, key=_ORDER.index, default=Verdict.SHARE)


def combine(demands: Collection[Demand]) -> tuple[Verdict, Needs]:
    """One verdict and one question that meet all `demands`, of which there is at least one.

    The strongest verdict, the most people, roles that each demand which names any accepts, and the least time. A second
    source is enough only where every demand says so. Raises `RolesDiffer`.
    """
    named = [set(demand.needs.roles) for demand in demands if demand.needs.roles]
    roles = set.intersection(*named) if named else set()
    if named and not roles:
        raise RolesDiffer(", ".join(sorted(demand.rule for demand in demands if demand.needs.roles)))
    needs = Needs(
        people=max(demand.needs.people for demand in demands),
        roles=tuple(sorted(roles)),
        source=all(demand.needs.source for demand in demands),
        wait_s=min(demand.needs.wait_s for demand in demands),
    )
    return strongest(demand.verdict for demand in demands), needs
