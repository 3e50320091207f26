"""Attempts on plans whose writes call services for lists of things, as a house's do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.falsify.fuzz import argument_fuzz
from infrafabric.kernel.falsify.shape import blast_radius
from infrafabric.kernel.words.plan import Call, Change, Plan

ANSWERS = (
    {"items": {"light.bed": {"state": "off"}, "light.hall": {"state": "off"}, "light.attic": {"state": "off"}}},
    {"reply": {"result": [{"area_id": "den", "name": "Den"}, {"area_id": "hall", "name": "Hall"}]}},
)


def case(intent: dict[str, Any], *touched: str, service: str = "turn_on", text: str = "") -> Case:
    """A plan that turns on the lights `touched`."""
    entities = {"entity_id": list(touched)}
    change = Change(id="change-1", effect="light_on", args=entities, inverse=Call(effect="light_off", args=entities))
    request = f'ws://house/api  {{"domain":"light","service":"{service}","text":"{text}","type":"call_service"}}'
    manifest = SimpleNamespace(intent={"const": intent})
    planned = SimpleNamespace(
        plan=Plan(changes=(change,)), run=SimpleNamespace(answers=ANSWERS), requests=(request,), hazards=()
    )
    journey = SimpleNamespace(ask=SimpleNamespace(intent=intent), capability=SimpleNamespace(manifest=manifest))
    return cast("Case", SimpleNamespace(journey=journey, planned=planned, undoes=None))


async def test_a_light_that_the_intent_does_not_name_refutes() -> None:
    with pytest.raises(Refuted, match=r"touches 'light\.attic'.* beside 'light\.bed'"):
        await blast_radius(case({"entities": ["light.bed", "light.hall"], "state": "on"}, "light.bed", "light.attic"))


@pytest.mark.parametrize(
    "intent",
    [
        {"entities": ["light.bed", "light.hall"], "state": "on"},
        {"entities": ["light.bed", "The lamp of the hall"], "state": "on"},
        {"entities": ["light.bed"], "state": "on", "wishes": [{"areas": ["Hall"], "domain": "light", "state": "on"}]},
        {"areas": ["Den"], "domain": "light", "state": "on"},
    ],
)
async def test_what_the_intent_names_by_id_by_name_or_by_area_stands(intent: dict[str, Any]) -> None:
    said = await blast_radius(case(intent, "light.bed", "light.hall"))
    assert ("light.bed" in said) is ("entities" in intent)


async def test_the_call_of_a_service_is_none_of_a_telephone() -> None:
    assert "none does anything hazardous" in await argument_fuzz(case({}, "light.bed", service="turn_on"))
    for service, word in (("dial", "dial"), ("call_mother", "call"), ("callService_wipe", "wipe")):
        with pytest.raises(Refuted, match=f"would {word} by light_on"):
            await argument_fuzz(case({}, "light.bed", service=service))


async def test_a_title_of_several_words_does_nothing_and_one_word_may() -> None:
    for text in ("Who will pay, and who will wipe the slate?", "pay%20the%20piper", "pay+the+piper"):
        wanted = {"text": text.replace("%20", " ").replace("+", " ")}
        assert "none does anything" in await argument_fuzz(case(wanted, "light.bed", text=text))
    for wanted in ({"text": "wipe"}, {"text": "another title"}):
        with pytest.raises(Refuted, match="would wipe by light_on"):
            await argument_fuzz(case(wanted, "light.bed", text="wipe"))
