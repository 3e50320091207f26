"""Lights: what is compared, within which rounding, and what brings them back."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.adapters.homeassistant import lights
from infrafabric.adapters.homeassistant.house import Entity
from infrafabric.adapters.sdk import Call, Plan, Refuse

MakePlan = Callable[..., Plan]
States = dict[str, dict[str, Any]]
BYTE = st.integers(0, 255)


def lamp(**attributes: Any) -> Entity:
    """A lamp that is on and does hues and colour temperatures."""
    known = {"supported_color_modes": ["color_temp", "hs"], "brightness": 100, "supported_features": 0}
    return Entity({"entity_id": "light.lamp", "state": "on", "attributes": {**known, **attributes}})


def test_everything_about_a_lamp_goes_into_one_call(plan: MakePlan) -> None:
    (change,) = plan("light.bed_light", state="on", brightness_pct=50, rgb_color=[255, 0, 0])
    assert change.effect == "light_on"
    assert change.args == {"entity_id": ["light.bed_light"], "brightness": 128, "rgb_color": [255, 0, 0]}
    assert change.before == {"light.bed_light": {"state": "off"}}
    assert change.inverse == Call("light_off", {"entity_id": ["light.bed_light"]})


def test_turned_off_it_comes_back_as_bright_and_as_warm(plan: MakePlan) -> None:
    (change,) = plan("light.ceiling_lights", state="off")
    assert change.inverse == Call(
        "light_on", {"entity_id": ["light.ceiling_lights"], "brightness": 180, "color_temp_kelvin": 2631}
    )


def test_only_what_differs_is_told_as_altered(plan: MakePlan) -> None:
    (change,) = plan("light.ceiling_lights", state="on", brightness=180, color_temp_kelvin=4000)
    assert change.before == {"light.ceiling_lights": {"color_temp_kelvin": 2631}}
    assert change.after == {"light.ceiling_lights": {"color_temp_kelvin": 4000}}


def test_lamps_that_differ_are_one_call_and_one_restore(plan: MakePlan) -> None:
    (change,) = plan("light.ceiling_lights", "light.kitchen_lights", "light.bed_light", state="on", brightness=9)
    assert change.args["entity_id"] == ["light.bed_light", "light.ceiling_lights", "light.kitchen_lights"]
    assert change.inverse is not None and change.inverse.effect == "restore"
    former = change.inverse.args["entities"]
    assert former["light.bed_light"]["state"] == "off"
    assert former["light.kitchen_lights"]["hs_color"] == [345, 75]


@given(percent=st.integers(1, 100), steps=st.sampled_from([100, 254, 255]))
def test_brightness_is_met_by_devices_with_their_own_steps(percent: int, steps: int) -> None:
    wanted = round(255 * percent / 100)
    kept = round(round(wanted / 255 * steps) / steps * 255)
    assert not lights.steps(lamp(brightness=kept), {"brightness_pct": percent})


@given(wanted=st.integers(1, 255), now=st.integers(1, 255))
def test_brightness_further_off_than_rounding_is_not_met(wanted: int, now: int) -> None:
    met = not lights.steps(lamp(brightness=now), {"brightness": wanted})
    assert met == (abs(wanted - now) <= 2)


@given(kelvin=st.integers(2000, 6500))
def test_colour_temperature_is_met_in_whole_mireds(kelvin: int) -> None:
    mireds = round(1_000_000 / kelvin)
    now = lamp(color_mode="color_temp", color_temp_kelvin=1_000_000 // mireds)
    assert not lights.steps(now, {"color_temp_kelvin": kelvin})


@given(kelvin=st.integers(2000, 6000))
def test_another_colour_temperature_is_not_met(kelvin: int) -> None:
    now = lamp(color_mode="color_temp", color_temp_kelvin=round(1e6 / (1e6 / kelvin - 5)))
    assert lights.steps(now, {"color_temp_kelvin": kelvin})


@given(red=BYTE, green=BYTE, blue=BYTE)
def test_a_colour_is_met_by_a_lamp_that_keeps_8_bits_of_hue(red: int, green: int, blue: int) -> None:
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    kept = [round(hue * 254) / 254 * 360, round(saturation * 254) / 254 * 100]
    now = lamp(color_mode="hs", hs_color=kept)
    assert not lights.steps(now, {"rgb_color": [red, green, blue]})


@given(hue=st.integers(0, 359), saturation=st.integers(20, 100))
def test_another_hue_is_not_met(hue: int, saturation: int) -> None:
    now = lamp(color_mode="hs", hs_color=[hue, saturation])
    assert lights.steps(now, {"hs_color": [(hue + 20) % 360, saturation]})


@pytest.mark.parametrize("name", ["hs_color", "rgb_color", "xy_color"])
def test_a_white_lamp_has_not_the_colour_that_it_works_out(name: str) -> None:
    """At 2631 K Home Assistant tells an rgb_color too; the lamp is in another mode all the same."""
    now = lamp(color_mode="color_temp", color_temp_kelvin=2631, hs_color=[28, 68], rgb_color=[255, 164, 81])
    wanted = {"hs_color": [28, 68], "rgb_color": [255, 164, 81], "xy_color": [0.533, 0.389]}[name]
    assert lights.steps(now, {name: wanted})


def test_red_is_red_whichever_way_it_is_said() -> None:
    now = lamp(color_mode="hs", hs_color=[0, 100])
    for wish in ({"hs_color": [359, 100]}, {"rgb_color": [90, 0, 0]}, {"xy_color": [0.701, 0.299]}):
        assert not lights.steps(now, wish)


def test_no_effect_has_several_names(plan: MakePlan) -> None:
    assert not lights.steps(
        lamp(effect=None, effect_list=["rainbow", "none"], supported_features=4), {"effect": "none"}
    )


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"brightness": 9, "brightness_pct": 9}, "give one"),
        ({"rgb_color": [1, 2, 3], "hs_color": [1, 2]}, "one colour"),
        ({"hs_color": [10, 101]}, "saturation"),
        ({"color_temp_kelvin": 1999}, "from 2000 to 6535"),
        ({"effect": "rainbow"}, "no effects"),
        ({"rgbw_color": [1, 2, 3, 4]}, "takes no rgbw_color"),
    ],
)
def test_what_the_lamp_cannot_do_is_refused(plan: MakePlan, wish: dict[str, Any], says: str) -> None:
    with pytest.raises(Refuse, match=says):
        plan("light.ceiling_lights", **wish)


def test_a_lamp_that_only_switches_cannot_be_dimmed(plan: MakePlan, states: States) -> None:
    states["light.ceiling_lights"]["attributes"]["supported_color_modes"] = ["onoff"]
    with pytest.raises(Refuse, match="cannot be dimmed"):
        plan("light.ceiling_lights", brightness=3)
