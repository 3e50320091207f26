"""homeassistant.service: one act, by the effect that its service belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infrafabric.adapters.homeassistant.service import Service
from infrafabric.adapters.sdk import Plan, Refuse
from infrafabric.control.harness import play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest

MakePlan = Callable[..., Plan]


@pytest.fixture
def act(answers: dict[str, Any], service_manifest: Manifest) -> MakePlan:
    def made(**intent: Any) -> Plan:
        return play(Service, intent, answers, manifest=service_manifest).plan

    return made


@pytest.mark.parametrize(
    ("service", "effect"),
    [
        ("notify.mobile", "call"), ("light.turn_on", "call"), ("lock.unlock", "unlock"), ("lock.open", "unlock"),
        ("lock.lock", "lock"), ("cover.toggle", "open_cover"), ("cover.stop_cover", "close_cover"),
        ("valve.open_valve", "open_valve"), ("alarm_control_panel.alarm_disarm", "alarm_disarm"),
        ("alarm_control_panel.alarm_arm_home", "alarm_arm"), ("scene.turn_on", "scene"), ("script.x", "script"),
        ("homeassistant.restart", "restart"), ("zwave_js.set_value", "other"),
    ],
)  # fmt: skip
def test_the_effect_is_the_service_s(act: MakePlan, service: str, effect: str) -> None:
    (change,) = act(service=service)
    assert change.effect == effect and change.inverse is None


def test_entities_go_by_name_too(act: MakePlan) -> None:
    (change,) = act(service="light.turn_on", entities=["Bed Light", "light.bed_light"], data={"brightness": 3})
    assert change.args == {
        "domain": "light", "service": "turn_on", "entity_id": ["light.bed_light"], "service_data": {"brightness": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("intent", "says"),
    [
        ({"service": "scene.apply", "data": {"entities": {}}}, "call those"),
        ({"service": "homeassistant.toggle"}, "call those"),
        ({"service": "lock.unlock", "data": {"code": "1"}}, "in the record"),
        ({"service": "light.turn_on", "data": {"entity_id": "all"}}, "beside the data"),
        ({"service": "light.turn_on", "entities": ["lock.front_door"]}, "is no light"),
        ({"service": "light.turn_on", "entities": ["light.nowhere"]}, "no entity"),
    ],
)
def test_what_makes_no_sense_is_refused(act: MakePlan, intent: dict[str, Any], says: str) -> None:
    with pytest.raises(Refuse, match=says):
        act(**intent)


def test_an_entity_that_is_not_reached_is_refused(act: MakePlan, states: dict[str, Any]) -> None:
    states["light.bed_light"]["state"] = "unavailable"
    with pytest.raises(Refuse, match="unavailable"):
        act(service="light.turn_on", entities=["light.bed_light"])


@pytest.mark.parametrize("service", ["cover.future_service", "lock.clear_usercode", "homeassistant.set_location"])
def test_a_service_that_the_manifest_does_not_take_is_no_effect(act: MakePlan, service: str) -> None:
    with pytest.raises(FabricError, match="IF_ERR_EFFECT_ARGUMENT"):
        act(service=service)
