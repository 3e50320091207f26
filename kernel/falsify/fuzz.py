"""Argument fuzz: plan for the intent's neighbours, and see whether one would do something hazardous unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

from infrafabric.kernel.admission import authorize
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.falsify.neighbours import neighbours
from infrafabric.kernel.parts import Journey
from infrafabric.kernel.planning import Planned, plan

__all__ = ["argument_fuzz"]

MOST = 12
"""Neighbours that are planned for: each may read the target."""

_WORDS = frozenset(
    {
        "call", "charge", "delete", "dial", "disarm", "erase", "factory", "format", "pay", "purge", "reboot", "refund",
        "shutdown", "unlock", "wipe",
    }
)  # fmt: skip
"""Words in the name of an effect, or in the request that it makes, for what people must hear of beforehand."""
_PARTS = re.compile(r"[a-z]+|[A-Z][a-z]*")
_ASKING = re.compile(r"call[ _-]?(function|method|procedure|service)", re.IGNORECASE)
"""How an interface is asked for anything at all: no telephone rings."""


async def argument_fuzz(case: Case) -> str:
    """Plan for the intent and its neighbours: whatever deletes, unlocks, calls, pays and the like must say a hazard.

    Planning reads: for a neighbour that the talent itself may not plan for, nobody does.
    """
    journey = case.journey
    if case.undoes is not None:
        return "an undo has the intent of what it takes back, and no neighbours"
    _check(case.planned, journey.ask.intent, "the plan")
    planned = refused = 0

    def may(intent: dict[str, Any]) -> bool:
        return _may_plan(_beside(journey, intent))

    for intent in neighbours(journey.capability.manifest.intent, journey.ask.intent, MOST, may):
        try:
            made = await plan(_beside(journey, intent), case.planned.seed)
        except FabricError as error:
            if error.code in _WORLD:
                raise
            refused += 1
            continue
        planned += 1
        _check(made, intent, f"a neighbour, {_short(intent)},")
    return f"{planned} neighbours planned, {refused} refused; none does anything hazardous without saying so"


def _beside(journey: Journey, intent: Mapping[str, Any]) -> Journey:
    """The journey as if it had been set out for `intent`, to plan only."""
    return replace(journey, ask=replace(journey.ask, intent=intent, purpose="plan"), watcher=None)


def _may_plan(journey: Journey) -> bool:
    try:
        authorize(journey)
    except FabricError:
        return False
    return True


_WORLD = frozenset(
    {Code.TARGET_UNREACHABLE, Code.TARGET_TIMEOUT, Code.TARGET_LOST, Code.BREAKER_OPEN, Code.TARGET_AUTH}
)


def _check(planned: Planned, intent: object, what: str) -> None:
    if planned.hazards:
        return
    prose = [form for text in _prose(intent) for form in _forms(text)]
    for change, request in zip(planned.plan.changes, planned.requests, strict=True):
        for text in prose:
            request = request.replace(text, " ")
        said = _ASKING.sub(r"\1", f"{change.effect} {request}")
        found = {part.lower() for part in _PARTS.findall(said)} & _WORDS
        if request.startswith("DELETE "):
            found.add("delete")
        if found:
            raise Refuted(f"{what} would {min(found)} by {change.effect}, and neither manifest nor plan says a hazard")


def _prose(value: object) -> Iterator[str]:
    """What the intent wants said: its texts of several words, such as a title. They are shown, and do nothing."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _prose(item)
    elif isinstance(value, str) and len(value.split()) > 1:
        yield value


def _forms(text: str) -> tuple[str, ...]:
    """How a text may stand in a request."""
    return text, dumps(text).decode()[1:-1], quote(text, safe=""), quote(text), quote_plus(text)


def _short(intent: object) -> str:
    text = dumps(intent).decode()
    return text if len(text) <= 120 else f"{text[:120]}…"
