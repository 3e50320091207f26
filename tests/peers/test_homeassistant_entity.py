"""homeassistant.entity on a real Home Assistant: planned, applied and taken back through the kernel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from homeassistant_house import Governed

pytestmark = pytest.mark.timeout(90)


@pytest.mark.parametrize(
    ("entity", "wish", "state", "attributes"),
    [
        ("light.bed_light", {"state": "on", "brightness_pct": 40}, "on", {"brightness": 102}),
        ("light.ceiling_lights", {"hs_color": [120, 80]}, "on", {"hs_color": [120, 80]}),
        ("light.kitchen_lights", {"color_temp_kelvin": 3000}, "on", {"color_mode": "color_temp"}),
        ("light.bed_light", {"effect": "rainbow"}, "on", {"effect": "rainbow"}),
        ("switch.ac", {"state": "on"}, "on", {}),
        ("input_boolean.flag", {"state": "on"}, "on", {}),
        ("input_number.setpoint", {"value": 21.5}, "21.5", {}),
        ("input_select.mode", {"option": "l'été 🌞"}, "l'été 🌞", {}),
        ("input_text.banner", {"text": '"quotes" & 💡 {{ 1 + 1 }}'}, '"quotes" & 💡 {{ 1 + 1 }}', {}),
        ("input_datetime.party", {"datetime": "2025-01-01 00:00"}, "2025-01-01 00:00:00", {}),
        ("cover.garage_door", {"state": "open"}, "open", {}),
        ("cover.hall_window", {"position": 30}, "open", {"current_position": 30}),
        ("lock.front_door", {"state": "unlocked"}, "unlocked", {}),
        ("alarm_control_panel.house", {"state": "armed_night"}, "armed_night", {}),
        ("climate.heatpump", {"hvac_mode": "off", "temperature": 18}, "off", {"temperature": 18}),
        ("climate.ecobee", {"preset_mode": "away"}, "heat_cool", {"preset_mode": "away"}),
        ("media_player.walkman", {"state": "paused", "volume_level": 0.3}, "paused", {"volume_level": 0.3}),
        ("media_player.lounge_room", {"source": "youtube"}, "playing", {"source": "youtube"}),
        ("fan.living_room_fan", {"direction": "reverse", "oscillating": True}, "off", {"direction": "reverse"}),
        ("fan.percentage_full_fan", {"percentage": 50}, "on", {"percentage": 50}),
    ],
)
async def test_every_kind_is_planned_applied_and_taken_back(
    homeassistant: Governed, entity: str, wish: dict[str, Any], state: str, attributes: dict[str, Any]
) -> None:
    before = await asyncio.to_thread(homeassistant.ha.state, entity)
    done = await homeassistant.act(entity, **wish)
    assert done.error is None and done.outcome is Outcome.CONVERGED
    assert await homeassistant.state(entity) == state
    now = await homeassistant.attributes(entity)
    assert {name: now[name] for name in attributes} == attributes
    again = await homeassistant.plan(entity, **wish)
    assert again.plan is not None and again.plan.changes == ()

    undone = await homeassistant.undo(done)
    assert undone.error is None and undone.outcome is Outcome.UNDONE
    after = await asyncio.to_thread(homeassistant.ha.state, entity)
    unmoved = ("brightness", "hs_color", "color_mode", "temperature", "volume_level", "source", "current_position")
    assert after["state"] == before["state"]
    assert [after["attributes"].get(name) for name in unmoved] == [before["attributes"].get(name) for name in unmoved]


async def test_a_hundred_lamps_are_one_call_and_go_back_in_one(homeassistant: Governed) -> None:
    lamps = [f"light.lamp_{number:03}" for number in range(1, 101)]
    await asyncio.to_thread(homeassistant.ha.call, "light.turn_on", entity_id=lamps[:40], brightness=30)
    await asyncio.to_thread(homeassistant.ha.call, "light.turn_on", entity_id=lamps[40:50], brightness=99)

    done = await homeassistant.act(*lamps, state="on", brightness=200)
    assert done.outcome is Outcome.CONVERGED and done.plan is not None
    assert [change.effect for change in done.plan.changes] == ["light_on"]
    assert len(writes(homeassistant, done.action)) == 1
    assert {(await homeassistant.attributes(lamp))["brightness"] for lamp in (lamps[0], lamps[45], lamps[99])} == {200}

    undone = await homeassistant.undo(done)
    assert undone.outcome is Outcome.UNDONE and undone.plan is not None
    assert [change.effect for change in undone.plan.changes] == ["restore"]
    assert (await homeassistant.attributes(lamps[3]))["brightness"] == 30
    assert (await homeassistant.attributes(lamps[44]))["brightness"] == 99
    assert await homeassistant.state(lamps[70]) == "off"


async def test_a_hundred_lamps_that_differ_are_as_many_calls_as_wishes(homeassistant: Governed) -> None:
    wishes = [
        {"entities": [f"light.lamp_{number:03}" for number in range(first, first + 25)], "brightness": 50 + first}
        for first in (1, 26, 51, 76)
    ]
    done = await homeassistant.kernel.act(homeassistant.ask({"wishes": wishes}))
    assert done.outcome is Outcome.CONVERGED and len(writes(homeassistant, done.action)) == 4


async def test_an_area_means_what_lies_in_it(homeassistant: Governed) -> None:
    done = await homeassistant.kernel.act(homeassistant.ask({"areas": ["Atelier"], "domain": "light", "state": "off"}))
    assert done.outcome is Outcome.CONVERGED and done.plan is not None
    assert set(done.plan.changes[0].args["entity_id"]) == {"light.ceiling_lights", "light.kitchen_lights"}
    assert (await homeassistant.undo(done)).outcome is Outcome.UNDONE
    assert (await homeassistant.attributes("light.ceiling_lights"))["brightness"] == 180

    quoted = homeassistant.ask({"areas": ['Søren\'s "den" 🛋️'], "domain": "light", "state": "on"})
    assert (await homeassistant.kernel.act(quoted)).outcome is Outcome.CONVERGED
    assert await homeassistant.state("light.bed_light") == "on"


async def test_a_name_with_quotes_and_an_emoji_finds_its_entity(homeassistant: Governed) -> None:
    done = await homeassistant.act('Søren\'s "big" 💡 flag', state="on")
    assert done.outcome is Outcome.CONVERGED and await homeassistant.state("input_boolean.flag") == "on"
    near = await homeassistant.act("Søren's big flag", state="on")
    assert near.error is not None and near.error.code is Code.ADAPTER_REFUSED and "did you mean" in near.error.message


async def test_hazards_are_told_by_what_it_does(homeassistant: Governed) -> None:
    both = await homeassistant.plan("lock.front_door", state="unlocked")
    assert both.hazards == ("unlock",)
    cover = await homeassistant.plan("cover.garage_door", state="open")
    assert cover.hazards == ("open-cover",)
    light = await homeassistant.plan("light.bed_light", state="on")
    assert light.hazards == ()


async def test_a_run_is_repeated_from_its_record_without_the_house(homeassistant: Governed) -> None:
    done = await homeassistant.act("light.ceiling_lights", "switch.ac", state="on")
    replayed = await homeassistant.kernel.replay(done.action)
    assert replayed.runs == ("plan", "verify") and replayed.context_digest == done.context_digest


async def test_an_undo_leaves_another_hand_s_work(homeassistant: Governed) -> None:
    done = await homeassistant.act("light.bed_light", state="on", brightness=100)
    await asyncio.to_thread(homeassistant.ha.call, "light.turn_on", entity_id="light.bed_light", brightness=10)
    undone = await homeassistant.undo(done)
    assert undone.error is not None and undone.error.code is Code.UNDO_MOVED
    assert (await homeassistant.attributes("light.bed_light"))["brightness"] == 10


def writes(homeassistant: Governed, action: str) -> list[str]:
    """The writes of an action that are on record."""
    return [
        str(body["effect"])
        for _, kind, body in homeassistant.parts.log.entries(action)
        if kind is Kind.EFFECT_INTENDED and body is not None
    ]
