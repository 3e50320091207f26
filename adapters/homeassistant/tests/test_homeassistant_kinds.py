"""Every kind but lights: which call, what brings it back, what is met within rounding, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infrafabric.adapters.sdk import Plan, Refuse

MakePlan = Callable[..., Plan]
States = dict[str, dict[str, Any]]


def called(plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    return [
        (change.effect, {name: value for name, value in change.args.items() if name != "entity_id"}) for change in plan
    ]


def back(plan: Plan) -> list[tuple[str, dict[str, Any]] | None]:
    return [
        (change.inverse.effect, {name: value for name, value in change.inverse.args.items() if name != "entity_id"})
        if change.inverse
        else None
        for change in plan
    ]


@pytest.mark.parametrize(
    ("entity", "wish", "calls", "inverses"),
    [
        ("switch.ac", {"state": "on"}, [("switch_on", {})], [("switch_off", {})]),
        ("input_boolean.flag", {"state": "on"}, [("boolean_on", {})], [("boolean_off", {})]),
        ("cover.kitchen_window", {"state": "open"}, [("cover_open", {})], [("cover_close", {})]),
        ("cover.hall_window", {"state": "closed"}, [("cover_close", {})], [("cover_position", {"position": 10})]),
        (
            "cover.hall_window",
            {"position": 13},
            [("cover_position", {"position": 13})],
            [("cover_position", {"position": 10})],
        ),
        (
            "cover.living_room_window",
            {"tilt_position": 0},
            [("cover_tilt", {"tilt_position": 0})],
            [("cover_tilt", {"tilt_position": 50})],
        ),
        ("lock.front_door", {"state": "unlocked"}, [("lock_unlock", {})], [("lock_lock", {})]),
        (
            "climate.heatpump",
            {"temperature": 21},
            [("climate_temperature", {"temperature": 21})],
            [("climate_temperature", {"temperature": 20.0})],
        ),
        (
            "climate.heatpump",
            {"hvac_mode": "off"},
            [("climate_mode", {"hvac_mode": "off"})],
            [("climate_mode", {"hvac_mode": "heat"})],
        ),
        (
            "climate.ecobee",
            {"preset_mode": "away", "target_temp_low": 21, "target_temp_high": 24},
            [
                ("climate_preset", {"preset_mode": "away"}),
                ("climate_range", {"target_temp_low": 21, "target_temp_high": 24}),
            ],
            [
                ("climate_preset", {"preset_mode": "home"}),
                ("climate_range", {"target_temp_low": 21, "target_temp_high": 24}),
            ],
        ),
        ("media_player.walkman", {"state": "paused"}, [("media_pause", {})], [("media_play", {})]),
        ("media_player.walkman", {"state": "off"}, [("media_off", {})], [("media_play", {})]),
        (
            "media_player.walkman",
            {"volume_level": 0.5},
            [("media_volume", {"volume_level": 0.5})],
            [("media_volume", {"volume_level": 1.0})],
        ),
        (
            "media_player.walkman",
            {"muted": True},
            [("media_mute", {"is_volume_muted": True})],
            [("media_mute", {"is_volume_muted": False})],
        ),
        ("fan.ceiling_fan", {"state": "on"}, [("fan_on", {})], [("fan_off", {})]),
        ("fan.living_room_fan", {"percentage": 10}, [("fan_percentage", {"percentage": 10})], [("fan_off", {})]),
        (
            "fan.living_room_fan",
            {"direction": "reverse"},
            [("fan_direction", {"direction": "reverse"})],
            [("fan_direction", {"direction": "forward"})],
        ),
    ],
)
def test_what_is_called_and_what_brings_it_back(
    plan: MakePlan, entity: str, wish: dict[str, Any], calls: Any, inverses: Any
) -> None:
    made = plan(entity, **wish)
    assert (called(made), back(made)) == (calls, inverses)


@pytest.mark.parametrize(
    ("entity", "wish"),
    [
        ("cover.hall_window", {"state": "open"}),
        ("cover.hall_window", {"position": 12}),
        ("cover.kitchen_window", {"state": "closed"}),
        ("climate.heatpump", {"hvac_mode": "heat", "temperature": 20.04}),
        ("media_player.walkman", {"state": "on", "volume_level": 0.99}),
        ("fan.living_room_fan", {"state": "off", "oscillating": False}),
    ],
)
def test_what_is_so_already_needs_nothing(plan: MakePlan, entity: str, wish: dict[str, Any]) -> None:
    assert not plan(entity, **wish).changes


@pytest.mark.parametrize("state", ["opening", "closing"])
def test_a_cover_on_its_way_is_not_there(plan: MakePlan, states: States, state: str) -> None:
    states["cover.hall_window"].update(state=state)
    states["cover.hall_window"]["attributes"]["current_position"] = 50
    for wish in ({"position": 50}, {"state": "open"}, {"state": "closed"}):
        made = plan("cover.hall_window", **wish)
        assert len(made.changes) == 1
        assert made.observed == {"cover.hall_window": {"state": state}}


@pytest.mark.parametrize(("state", "wanted"), [("unlocking", "unlocked"), ("locking", "locked")])
def test_a_lock_that_turns_has_not_turned(plan: MakePlan, states: States, state: str, wanted: str) -> None:
    states["lock.front_door"]["state"] = state
    assert len(plan("lock.front_door", state=wanted).changes) == 1


def test_a_stepped_fan_is_met_by_the_step_above(plan: MakePlan, states: States) -> None:
    fan = states["fan.living_room_fan"]
    fan["state"] = "on"
    for now, met in ((66, True), (50, True), (33, False), (100, False)):
        fan["attributes"]["percentage"] = now
        assert (not plan("fan.living_room_fan", percentage=50).changes) is met, now


def test_a_fan_s_preset_comes_back(plan: MakePlan, states: States) -> None:
    states["fan.living_room_fan"].update(state="on")
    states["fan.living_room_fan"]["attributes"].update(preset_mode="auto", percentage=None)
    assert back(plan("fan.living_room_fan", state="off")) == [("fan_preset", {"preset_mode": "auto"})]


def test_a_player_that_is_off_is_turned_on_before_it_is_told_more(plan: MakePlan, states: States) -> None:
    states["media_player.walkman"]["state"] = "off"
    made = plan("media_player.walkman", state="playing", volume_level=0.2)
    assert [effect for effect, _ in called(made)] == ["media_on", "media_volume", "media_play"]
    assert back(made) == [("media_off", {})] * 3


def test_steps_of_a_thermostat_are_its_rounding(plan: MakePlan, states: States) -> None:
    states["climate.heatpump"]["attributes"].update(target_temp_step=1, temperature=20)
    assert not plan("climate.heatpump", temperature=20.5).changes
    assert plan("climate.heatpump", temperature=20.6).changes


@pytest.mark.parametrize(
    ("domain", "state", "attributes", "wish", "says"),
    [
        ("lock", "jammed", {}, {"state": "locked"}, "is jammed"),
        ("lock", "locked", {"code_format": "^[0-9]{4}$"}, {"state": "unlocked"}, "asks for a code"),
        ("alarm_control_panel", "triggered", {}, {"state": "disarmed"}, "is triggered"),
        ("alarm_control_panel", "pending", {}, {"state": "disarmed"}, "is pending"),
        ("alarm_control_panel", "armed_away", {"code_format": "number"}, {"state": "disarmed"}, "asks for a code"),
        ("alarm_control_panel", "disarmed", {"supported_features": 2}, {"state": "armed_night"}, "armed night"),
        ("media_player", "off", {}, {"volume_level": 0.5}, "while it is on"),
        ("input_number", "much", {}, {"value": 3}, "no number"),
        ("input_datetime", "07:00:00", {"has_time": True}, {"datetime": "2024-01-01"}, "as HH:MM:SS"),
        ("input_datetime", "2024-01-01", {"has_date": True}, {"datetime": "2024-02-30"}, "as YYYY-MM-DD"),
        ("fan", "on", {"supported_features": 1}, {"percentage": 5, "preset_mode": "auto"}, "not both"),
        ("cover", "open", {"supported_features": 1}, {"state": "closed"}, "no way to be closed"),
    ],
)
def test_what_cannot_be_is_refused(
    plan: MakePlan, states: States, domain: str, state: str, attributes: dict[str, Any], wish: dict[str, Any], says: str
) -> None:
    states[f"{domain}.one"] = {"entity_id": f"{domain}.one", "state": state, "attributes": attributes}
    with pytest.raises(Refuse, match=says):
        plan(f"{domain}.one", **wish)


@pytest.mark.parametrize(
    ("has", "state", "given", "effect", "args"),
    [
        ({"has_time": True, "has_date": False}, "07:00:00", "06:30", "time_set", {"time": "06:30:00"}),
        ({"has_date": True, "has_time": False}, "2024-01-01", "2024-02-29", "date_set", {"date": "2024-02-29"}),
        (
            {"has_date": True, "has_time": True}, "2024-01-01 00:00:00", "2024-02-29T10:00",
            "datetime_set", {"datetime": "2024-02-29 10:00:00"},
        ),
    ],
)  # fmt: skip
def test_moments_are_written_as_home_assistant_writes_them(
    plan: MakePlan, states: States, has: dict[str, bool], state: str, given: str, effect: str, args: dict[str, str]
) -> None:
    states["input_datetime.x"] = {"entity_id": "input_datetime.x", "state": state, "attributes": has}
    assert called(plan("input_datetime.x", datetime=given)) == [(effect, args)]
    states["input_datetime.x"]["state"] = next(iter(args.values()))
    assert not plan("input_datetime.x", datetime=given).changes


def test_what_opens_is_told_apart_by_what_brings_it_back(plan: MakePlan, states: States) -> None:
    """Covers that stood differently are as many changes: an undo names the service, and its hazard, for each."""
    made = plan("cover.hall_window", "cover.living_room_window", state="closed")
    assert back(made) == [("cover_position", {"position": 10}), ("cover_position", {"position": 70})]


def test_changes_have_a_fixed_order(plan: MakePlan) -> None:
    wishes = [
        {"entities": ["media_player.walkman"], "state": "paused"},
        {"entities": ["light.bed_light"], "state": "on"},
        {"entities": ["lock.kitchen_door"], "state": "locked"},
        {"entities": ["switch.ac"], "state": "on"},
    ]
    effects = [change.effect for change in plan(wishes=wishes)]
    assert effects == ["lock_lock", "switch_on", "light_on", "media_pause"]
    assert [change.effect for change in plan(wishes=wishes[::-1])] == effects
