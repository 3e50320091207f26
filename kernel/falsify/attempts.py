"""All attempts at a plan, in order, and the record of what came of each.

One that is refuted stops the action, before anything was written. An attempt that breaks counts as refuted: what could
not be tried did not stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.falsify.case import Attempt, Case, Refuted, refutation
from infrafabric.kernel.falsify.fuzz import argument_fuzz
from infrafabric.kernel.falsify.rules import replayed_key, weakest_hazards, worst_cost
from infrafabric.kernel.falsify.runs import dry_run, fresh_reads, same_answers
from infrafabric.kernel.falsify.shape import blast_radius, secret_scan, undo
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.attempts import MOST_SAID, Attempted
from infrafabric.kernel.words.entries import Kind, PlanFalsified

__all__ = ["ATTEMPTS", "Tried", "falsify"]

ATTEMPTS: Mapping[str, Attempt] = MappingProxyType(
    {
        "secret-scan": secret_scan,
        "same-answers": same_answers,
        "fresh-reads": fresh_reads,
        "dry-run": dry_run,
        "undo": undo,
        "blast-radius": blast_radius,
        "weakest-hazards": weakest_hazards,
        "worst-cost": worst_cost,
        "replayed-key": replayed_key,
        "argument-fuzz": argument_fuzz,
    }
)


class Tried(NamedTuple):
    """What came of all attempts at a plan."""

    attempts: tuple[Attempted, ...]
    entry: Entry
    """Their `plan.falsified`. The caller appends it: with what ends the action, where the plan was refuted."""
    refuted: FabricError | None
    """IF_ERR_FALSIFIED, where one attempt refuted the plan."""


async def falsify(case: Case, why: str, by: str) -> Tried:
    """Make every attempt, for the talent `by`. Nothing is recorded yet, and nothing is raised."""
    journey = case.journey
    attempts = {**ATTEMPTS, **journey.parts.attempts}
    made = tuple([await _try(name, attempt, case) for name, attempt in attempts.items()])
    body = PlanFalsified(
        **journey.common,
        capability=journey.capability.manifest.id,
        why=journey.parts.redactor.redact(why),
        by=by,
        changes_digest=case.planned.changes_digest,
        attempts=made,
    )
    return Tried(made, Entry(Kind.PLAN_FALSIFIED, body, journey.action, by), refutation(made))


async def _try(name: str, attempt: Attempt, case: Case) -> Attempted:
    redact = case.journey.parts.redactor.redact
    try:
        said = await attempt(case)
    except Refuted as refuted:
        return Attempted(name=name, result="refuted", said=redact(str(refuted))[:MOST_SAID])
    except FabricError as error:
        return Attempted(name=name, result="refuted", said=redact(f"it could not be tried: {error}")[:MOST_SAID])
    except Exception as fault:
        text = redact(f"it could not be tried: {type(fault).__name__}: {fault}")
        return Attempted(name=name, result="refuted", said=text[:MOST_SAID])
    return Attempted(name=name, result="stood", said=redact(said)[:MOST_SAID])
