"""Right plans on a real Home Assistant withstand every attempt to refute them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from homeassistant_house import Governed

pytestmark = pytest.mark.timeout(240)  # the first of a session compiles the Python component
RIGHT: list[dict[str, Any]] = [
    {"entities": ["light.bed_light"], "state": "on", "brightness_pct": 40},
    {"entities": ["light.ceiling_lights", "light.kitchen_lights"], "state": "off"},
    {"entities": ["light.bed_light"], "effect": "rainbow"},
    {"areas": ["Atelier"], "domain": "light", "state": "off"},
    {"entities": ["light.bed_light", 'Søren\'s "big" 💡 flag'], "state": "on"},
    {
        "wishes": [
            {"entities": ["light.bed_light"], "state": "on"},
            {"areas": ["Atelier"], "domain": "light", "state": "off"},
        ]
    },
    {"entities": ["switch.ac", "input_boolean.flag"], "state": "on"},
    {"entities": ["input_number.setpoint"], "value": 21.5},
    {"entities": ["input_select.mode"], "option": "away"},
    {"entities": ["input_text.banner"], "text": "call me"},
    {"entities": ["input_datetime.party"], "datetime": "2025-01-01 00:00"},
    {"entities": ["cover.garage_door"], "state": "open"},
    {"entities": ["cover.hall_window"], "position": 30},
    {"entities": ["lock.front_door"], "state": "unlocked"},
    {"entities": ["alarm_control_panel.house"], "state": "armed_night"},
    {"entities": ["climate.heatpump"], "hvac_mode": "off", "temperature": 18},
    {"entities": ["climate.ecobee"], "preset_mode": "away"},
    {"entities": ["media_player.lounge_room"], "source": "youtube"},
    {"entities": ["media_player.walkman"], "state": "paused", "volume_level": 0.3},
    {"entities": ["fan.living_room_fan"], "direction": "reverse", "oscillating": True},
    {"entities": [f"light.lamp_{number:03}" for number in range(1, 101)], "brightness": 200},
]


@pytest.mark.parametrize("intent", RIGHT, ids=lambda intent: str(intent)[:60])
async def test_a_right_plan_stands(homeassistant: Governed, intent: dict[str, Any]) -> None:
    done = await homeassistant.kernel.act(homeassistant.ask(intent, falsify=True))
    assert [(one.name, one.said) for one in done.attempts if one.result != "stood"] == []
    assert done.attempts and done.outcome is Outcome.CONVERGED
