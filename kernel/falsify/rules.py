"""Attempts on what allows the plan: whose word the verdict hangs on, what it may cost at worst, what a repeat does."""

from __future__ import annotations

from dataclasses import replace

from infrafabric.kernel.deciding import ask_guard
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.planning import cost_of, hazards_of, spending_of
from infrafabric.kernel.projections import ask_digest
from infrafabric.kernel.retrying import Repeats
from infrafabric.kernel.words.entries import ActionReceived
from infrafabric.kernel.words.manifest import Kind
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Spending

__all__ = ["replayed_key", "weakest_hazards", "worst_cost"]

_STRICTNESS = (Verdict.SHARE, Verdict.HOLD, Verdict.ESCALATE, Verdict.DENY)


async def weakest_hazards(case: Case) -> str:
    """Ask the guard once more, without the hazards that only the adapter's plan names.

    A verdict that is stricter for them hangs on what the adapter chose to say: another version that keeps silent would
    be let through. Manifest and operator are not silenced: the publisher signed the one, the operator the other. Both
    times it is asked now: where other rules hold than when it was decided, that is not the adapter's doing.
    """
    journey, planned = case.journey, case.planned
    if case.agreed:
        return "people agreed to the plan with its hazards, whoever named them"
    whole = ask_guard(journey, planned)
    silent = planned.plan.model_copy(
        update={
            "hazards": (),
            "changes": tuple(change.model_copy(update={"hazards": ()}) for change in planned.plan.changes),
        }
    )
    weaker = ask_guard(journey, replace(planned, plan=silent, hazards=hazards_of(journey, silent)))
    only = sorted(set(planned.hazards) - set(hazards_of(journey, silent)))
    if _STRICTNESS.index(weaker.verdict) < _STRICTNESS.index(whole.verdict):
        raise Refuted(
            f"without the adapter's own word for {', '.join(only)} the verdict would be {weaker.verdict.value} and not "
            f"{whole.verdict.value}: declare it in the manifest, or of the target"
        )
    said = f"also without the adapter's {', '.join(only)}" if only else "no hazard is the adapter's word alone"
    return f"{whole.verdict.value}, {said}"


async def worst_cost(case: Case) -> str:
    """Reckon with every retry of every write, each at full cost: the budgets must have room for it.

    Under a provider's key only one attempt is charged.
    """
    journey, planned = case.journey, case.planned
    manifest, limits = journey.capability.manifest, journey.parts.limits
    effects = [manifest.effects[change.effect] for change in planned.plan.changes]
    tries = [Repeats.of(effect, manifest.limits, limits.retry_s).limit for effect in effects]
    charged = max(
        (1 if effect.provider_key else count for effect, count in zip(effects, tries, strict=True)), default=1
    )
    planned_spending = spending_of(len(tries), cost_of(journey, planned.plan))
    set_aside = planned_spending if case.decision.verdict is Verdict.SHARE else Spending()
    money, tokens = planned_spending.money * charged, planned_spending.tokens * charged
    more = planned_spending.model_copy(
        update={
            "requests": sum(tries) - set_aside.requests,
            "money": money - set_aside.money,
            "tokens": tokens - set_aside.tokens,
        }
    )
    name = f"{journey.action} at worst"
    try:
        journey.parts.budgets.reserve(journey.talent, manifest.id, journey.target, name, more)
    except FabricError as error:
        raise Refuted(
            f"with all retries, {sum(tries)} writes, it would not stay within budget: {error.message}"
        ) from None
    journey.parts.budgets.settle(name, Spending())
    return f"at worst {sum(tries)} writes and {charged} times its cost, and the budgets have room for it"


async def replayed_key(case: Case) -> str:
    """Look what the same ask would do once more, and the same write: neither may happen twice.

    The same idempotency key must lead to this very action. A write that may be sent again must not make a second one.
    """
    journey, ask = case.journey, case.journey.ask
    manifest = journey.capability.manifest
    for change in case.planned.plan.changes:
        effect = manifest.effects[change.effect]
        if effect.provider_key is None and effect.repeatable and (effect.creates or manifest.kind is Kind.EVENT):
            raise Refuted(f"{change.effect} is called repeatable, and each time that it is sent makes one more")
    if not ask.idempotency_key:
        return "no write makes a second one when it is sent again; the ask bears no idempotency key"
    fact = journey.parts.log.facts.get("idempotency", f"{ask.talent} {ask.idempotency_key}")
    same = ActionReceived(
        talent=ask.talent,
        target=journey.target.name,
        capability=manifest.id,
        intent=dict(ask.intent),
        why="",
        purpose=ask.purpose,
        undoes=ask.undoes,
    )
    if fact is None or fact["action"] != journey.action:
        raise Refuted("the same idempotency key would start another action")
    if fact["digest"] != ask_digest(same):
        raise Refuted("the idempotency key stands for another ask than this one")
    return "the same idempotency key answers with this action; no write makes a second one when it is sent again"
