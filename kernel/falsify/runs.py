"""Attempts that run the adapter again: on the same answers, on fresh ones, and as a dry run."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from infrafabric.kernel.applying import Applied, apply
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.planning import plan
from infrafabric.kernel.undoing import plan_undo
from infrafabric.kernel.words.entries import GuestRun

__all__ = ["dry_run", "fresh_reads", "same_answers"]


async def same_answers(case: Case) -> str:
    """Run the planning again on the recorded answers, with the same chance and with another: the plan must be equal.

    A plan that hangs on chance cannot be looked at before it is applied.
    """
    recorded = case.planned.run
    if recorded is None:
        return "no guest made this plan"
    argument = {"intent": dict(case.journey.ask.intent)}
    chassis, program = case.journey.parts.chassis, case.journey.program
    try:
        await chassis.replay(program, argument, recorded)
    except FabricError as error:
        raise Refuted(f"from the same answers the adapter does not plan the same: {error.message}") from None
    feed = _Feed(recorded)
    other = secrets.randbits(48) ^ 1
    run = await chassis.run(program, "plan", argument, seed=other, perform=feed.answer)
    if sha256(dumps(run.done)) != recorded.result:
        raise Refuted("from the same answers the adapter plans something else under another random seed")
    return f"planned again from {len(recorded.answers)} recorded answers, under two seeds, to the same plan"


class _Feed:
    """Gives a run the answers of another one, request by request."""

    def __init__(self, recorded: GuestRun) -> None:
        self._recorded = recorded
        self._asked = 0

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        position, self._asked = self._asked, self._asked + 1
        if position >= len(self._recorded.answers) or dict(self._recorded.requests[position]) != request:
            raise Refuted(f"under another random seed the adapter asks for something else at request {position + 1}")
        return dict(self._recorded.answers[position])


async def fresh_reads(case: Case) -> str:
    """Plan once more from fresh reads: a plan that is stale already must not be applied."""
    journey, planned = case.journey, case.planned
    again = await (plan(journey, planned.seed) if case.undoes is None else plan_undo(journey, case.undoes))
    if dict(again.address) != dict(planned.address):
        raise Refuted(f"{journey.target.name} is at another address than when it was planned for")
    if again.changes_digest != planned.changes_digest:
        raise Refuted(f"planned again now, {journey.target.name} needs other changes: the plan is stale or unsteady")
    return "planned again from fresh reads to the same changes"


async def dry_run(case: Case) -> str:
    """Go through the apply without writing: the adapter may perform the planned changes, each once, and no other."""
    journey = case.journey
    if not journey.parts.chassis.orders(journey.program):
        return "the kernel performs the changes itself, by id and in their order"
    trial = replace(journey, ask=replace(journey.ask, purpose="dry_run"), ended=True, watcher=None)
    applied = Applied()
    await apply(trial, case.planned, applied)
    if applied.error is not None:
        what = "asks for a write that was not planned" if applied.error.code in _UNPLANNED else "fails"
        raise Refuted(f"the adapter's apply {what}: {applied.error.message}")
    return "the adapter's apply performs planned changes only"


_UNPLANNED = frozenset({Code.CHANGE_UNKNOWN, Code.CHANGE_REPEATED, Code.EFFECT_UNKNOWN, Code.EFFECT_NOT_READ})
