"""An independent client, homeassistant-api, sees what homeassistant.entity says that it did."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.adapters.homeassistant.tests.running import installed
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from homeassistant_house import Governed

SCRIPT = Path(__file__).with_name("homeassistant") / "observe.py"
PLACE = installed()
CLIENT = list(PLACE.glob("observer/lib/*/site-packages/homeassistant_api")) if PLACE is not None else []

pytestmark = pytest.mark.skipif(
    not CLIENT, reason="homeassistant-api is not installed: tests/peers/install-homeassistant.sh"
)


async def observe(homeassistant: Governed, *entities: str) -> dict[str, Any]:
    assert PLACE is not None
    environment = {"PATH": os.environ["PATH"], "HASS_TOKEN": homeassistant.ha.token}
    process = await asyncio.create_subprocess_exec(
        str(PLACE / "observer" / "bin" / "python"), str(SCRIPT), homeassistant.ha.base, *entities,
        env=environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    return dict(json.loads(out))


async def test_the_independent_client_sees_each_kind_as_the_action_says(homeassistant: Governed) -> None:
    wishes: list[dict[str, Any]] = [
        {"entities": ["light.bed_light"], "state": "on", "brightness": 90, "color_temp_kelvin": 4000},
        {"entities": ["switch.ac"], "state": "on"},
        {"entities": ["cover.kitchen_window"], "state": "open"},
        {"entities": ["alarm_control_panel.house"], "state": "armed_home"},
        {"entities": ["climate.heatpump"], "temperature": 23},
        {"entities": ["media_player.walkman"], "volume_level": 0.25},
        {"entities": ["fan.percentage_full_fan"], "percentage": 75},
        {"entities": ["input_select.mode"], "option": "away"},
    ]
    entities = [str(wish["entities"][0]) for wish in wishes]
    before = await observe(homeassistant, *entities)
    done = await homeassistant.kernel.act(homeassistant.ask({"wishes": wishes}))
    assert done.outcome is Outcome.CONVERGED
    seen = await observe(homeassistant, *entities)
    assert [seen[name]["state"] for name in entities] == [
        "on", "on", "open", "armed_home", "heat", "playing", "on", "away",
    ]  # fmt: skip
    assert seen["light.bed_light"]["attributes"]["brightness"] == 90
    assert seen["light.bed_light"]["attributes"]["color_temp_kelvin"] == 4000
    assert seen["climate.heatpump"]["attributes"]["temperature"] == 23
    assert seen["media_player.walkman"]["attributes"]["volume_level"] == 0.25
    assert seen["fan.percentage_full_fan"]["attributes"]["percentage"] == 75

    assert (await homeassistant.undo(done)).outcome is Outcome.UNDONE
    after = await observe(homeassistant, *entities)
    assert {name: after[name]["state"] for name in entities} == {name: before[name]["state"] for name in entities}
    assert after["climate.heatpump"]["attributes"]["temperature"] == 20


async def test_the_independent_client_sees_nothing_where_it_failed(homeassistant: Governed) -> None:
    refused = await homeassistant.act("switch.ac", "light.no_such_light", state="on")
    assert refused.outcome is Outcome.REFUSED
    assert (await observe(homeassistant, "switch.ac"))["switch.ac"]["state"] == "off"
