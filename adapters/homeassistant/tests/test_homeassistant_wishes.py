"""Which entities are meant, what may be wished of them, and when nothing can be said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infrafabric.adapters.sdk import Plan, Refuse
from infrafabric.control.harness import Failure, Played
from infrafabric.kernel.errors import FabricError

MakePlan = Callable[..., Plan]
States = dict[str, dict[str, Any]]
DEN = 'Søren\'s "den" 🛋️'


def entities(plan: Plan) -> list[str]:
    return [name for change in plan for name in change.args["entity_id"]]


def test_one_look_is_enough_and_asks_for_what_is_named_alone(played: Callable[..., Played]) -> None:
    made = played("light.bed_light", "switch.ac", state="on")
    assert list(made.requests) == [{"read": "states", "args": {"entity_ids": ["light.bed_light", "switch.ac"]}}]


def test_names_need_a_look_at_all(played: Callable[..., Played]) -> None:
    made = played("Bed Light", state="on")
    assert entities(made.plan) == ["light.bed_light"]
    assert list(made.requests) == [{"read": "states", "args": {}}]


def test_a_name_that_several_have_is_refused_with_all(plan: MakePlan, states: States) -> None:
    states["switch.ac"]["attributes"]["friendly_name"] = "Bed Light"
    with pytest.raises(Refuse, match=r"light\.bed_light, switch\.ac"):
        plan("Bed Light", state="on")


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("light.bed_lihgt", "light.bed_light"), ("BED LIGHT", "Bed Light"), ("Kitchn Lights", "Kitchen Lights")],
)
def test_what_is_not_there_is_refused_with_what_is_near(plan: MakePlan, wanted: str, near: str) -> None:
    with pytest.raises(Refuse, match=f"no entity {wanted!r}; did you mean.*{near}"):
        plan(wanted, state="on")


def test_what_is_not_there_yet_is_told_of_a_house_that_starts(plan: MakePlan, answers: dict[str, Any]) -> None:
    answers["config"] = {"reply": {"result": {"state": "STARTING"}}}
    with pytest.raises(Refuse, match="STARTING and may not have loaded"):
        plan("light.of_tomorrow", state="on")
    answers["config"] = Failure()
    with pytest.raises(Refuse, match="no entity"):
        plan("light.of_tomorrow", state="on")


@pytest.mark.parametrize("state", ["unavailable", "unknown"])
@pytest.mark.parametrize("wanted", ["on", "off"])
def test_what_has_no_state_is_refused_and_never_reached(
    plan: MakePlan, states: States, state: str, wanted: str
) -> None:
    states["light.bed_light"]["state"] = state
    with pytest.raises(Refuse, match=f"light.bed_light is {state}"):
        plan("light.bed_light", state=wanted)


def test_an_area_is_what_lies_in_it_itself_or_by_its_device(plan: MakePlan) -> None:
    assert entities(plan(areas=["Kitchen"], domain="light", state="off")) == [
        "light.ceiling_lights",
        "light.kitchen_lights",
    ]
    assert entities(plan(areas=["Küche", DEN], domain="light", brightness=3)) == [
        "light.bed_light",
        "light.ceiling_lights",
        "light.kitchen_lights",
    ]


@pytest.mark.parametrize(
    ("intent", "says"),
    [
        ({"areas": ["Kitchen"], "state": "on"}, "say the domain"),
        ({"areas": ["Kitchen"], "domain": "switch", "state": "on"}, "has no switch"),
        ({"areas": ["kitchn"], "domain": "light", "state": "on"}, "did you mean 'kitchen' or 'Kitchen'"),
        ({"areas": ["Twin"], "domain": "light", "state": "on"}, "twin_1, twin_2"),
        ({"state": "on"}, "say of which"),
        ({"entities": ["light.bed_light"]}, "nothing is wished"),
        ({"entities": ["switch.ac"], "brightness": 5}, "a switch has no brightness"),
        ({"entities": ["light.bed_light"], "option": "a"}, "a light has no option"),
        ({"entities": ["lock.front_door"], "state": "off"}, "a lock is never off"),
        ({"entities": ["scene.of_nobody"], "state": "on"}, "no entity"),
        ({"entities": ["sensor.outside_temperature"], "state": "on"}, "a sensor is nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(plan: MakePlan, intent: dict[str, Any], says: str) -> None:
    with pytest.raises(Refuse, match=says):
        plan(**intent)


def test_wishes_of_one_entity_come_together_and_may_not_disagree(plan: MakePlan) -> None:
    (change,) = plan(wishes=[
        {"entities": ["light.bed_light"], "state": "on"}, {"entities": ["Bed Light"], "brightness": 7},
    ])  # fmt: skip
    assert change.args == {"entity_id": ["light.bed_light"], "brightness": 7}
    with pytest.raises(Refuse, match="'on' and 'off'"):
        plan("light.bed_light", state="on", wishes=[{"areas": ["den"], "domain": "light", "state": "off"}])


@pytest.mark.parametrize(
    "intent",
    [
        {},
        {"entities": []},
        {"entities": ["light.a"], "brightness": 256},
        {"entities": ["light.a"], "state": "dim"},
        {"entities": ["light.a"], "code": "1234"},
        {"wishes": [{"state": "on"}]},
    ],
)
def test_intents_outside_the_schema_are_refused(plan: MakePlan, intent: dict[str, Any]) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        plan(**intent)


def test_what_is_only_assumed_is_noted(plan: MakePlan) -> None:
    assert "only assumes how switch.decorative_lights is" in plan("switch.decorative_lights", state="on").note
    assert plan("switch.ac", state="on").note == ""


def test_what_answers_otherwise_is_not_home_assistant(plan: MakePlan, answers: dict[str, Any]) -> None:
    answers["states"] = {"items": {"light.a": {"name": "a"}}}
    with pytest.raises(Refuse, match="not Home Assistant"):
        plan("light.a", state="on")


def test_what_an_undo_compares_is_told_also_where_nothing_is_to_do(plan: MakePlan) -> None:
    quiet = plan("light.ceiling_lights", "switch.decorative_lights", state="on")
    assert not quiet.changes
    assert quiet.observed == {
        "light.ceiling_lights": {"state": "on", "brightness": 180, "color_temp_kelvin": 2631},
        "switch.decorative_lights": {"state": "on"},
    }
