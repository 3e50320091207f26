"""Falsify a plan that waits for people: it stands as it was recorded, and is held against the world as it is."""

from __future__ import annotations

from dataclasses import replace

from infrafabric.kernel.admission import denied
from infrafabric.kernel.answering import resume
from infrafabric.kernel.ask import Report
from infrafabric.kernel.deciding import ask_guard
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.attempts import falsify
from infrafabric.kernel.falsify.case import Case
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey, Parts
from infrafabric.kernel.planning import Planned, digest_context
from infrafabric.kernel.questions import end_waiting
from infrafabric.kernel.road import Load
from infrafabric.kernel.words.plan import Verdict

__all__ = ["falsify_waiting"]


async def falsify_waiting(parts: Parts, action: str, load: Load, talent: str, why: str) -> Report:
    """Try to refute the recorded plan of `action`. It goes on waiting where it stood, and ends where it did not.

    Where the rules are not those any more that it was asked about under, that ends it, and nothing is tried.
    Raises IF_ERR_APPROVAL_INVALID where it does not wait, and what keeps it from being planned again.
    """
    async with parts.questions.answering(action):
        history = History.of(action, parts.log.entries(action))
        decision = history.asked.decision
        journey = await resume(parts, history)
        planned = _recorded(journey, history)
        undone = journey.ask.undoes
        undoes = History.of(undone, parts.log.entries(undone)) if undone else None
        async with parts.governor.turn(journey.target.name, 1, journey.talent.id):
            await load(journey)
            overtaken = _overtaken(journey, planned, history)
            if overtaken is None:
                tried = await falsify(Case(journey, planned, decision, undoes), why, talent)
        if overtaken is not None:
            await end_waiting(parts, history, overtaken, actor=talent)
        elif tried.refuted is None:
            await parts.log.append(tried.entry)
        else:
            await end_waiting(parts, history, tried.refuted, tried.entry, actor=talent)
    return History.of(action, parts.log.entries(action)).report(await parts.log.receipt(action))


def _overtaken(journey: Journey, planned: Planned, history: History) -> FabricError | None:
    """Why the plan could not be applied however many agree: the rules, or what it rests on, changed meanwhile."""
    decision, asked = ask_guard(journey, planned), history.asked
    if decision.verdict is Verdict.DENY:
        return denied(journey, decision)
    same_question = decision.verdict is Verdict.SHARE or decision.needs == asked.decision.needs
    if same_question and digest_context(journey, planned, decision) == asked.context_digest:
        return None
    return FabricError(Code.PLAN_STALE, "the rules, or what the plan rests on, changed while it waited")


def _recorded(journey: Journey, history: History) -> Planned:
    """The plan that waits. The hazards that only the adapter named are taken out of the rebuilt ask's."""
    recorded = history.planned
    if recorded is None:
        raise FabricError(Code.BODY_ERASED, f"the log no longer says what {history.action} was to do")
    plan = recorded.plan
    of_adapter = {*plan.hazards, *(hazard for change in plan.changes for hazard in change.hazards)}
    others = tuple(hazard for hazard in recorded.hazards if hazard not in of_adapter)
    journey.ask = replace(journey.ask, hazards=others)
    return Planned(
        plan=plan,
        run=recorded.run,
        address=recorded.address,
        requests=recorded.requests,
        hazards=recorded.hazards,
        changes_digest=recorded.changes_digest,
        seed=recorded.run.seed if recorded.run is not None else 0,
        at=journey.parts.monotonic(),
    )
