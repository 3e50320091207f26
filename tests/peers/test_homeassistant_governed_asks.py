"""Asking in a real house, by `ifctl`: once under a key, as often as the rate allows, by whom it fits, at what cost; and
taking back what was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from homeassistant_house import AGENT, TARGET

from infrafabric.kernel.errors import Code

if TYPE_CHECKING:
    from homeassistant_house import GovernedHome

pytestmark = pytest.mark.timeout(240)  # the first of a session compiles the Python component
BED, DOOR = "light.bed_light", "lock.front_door"


def test_a_light_is_switched_once_under_a_key_and_taken_back(real_home: GovernedHome) -> None:
    keyed = ("--idempotency-key", "evening")
    first = real_home.apply(BED, state="on", more=keyed)
    again = real_home.apply(BED, state="on", more=keyed)
    assert (first["outcome"], again["action"]) == ("converged", first["action"])
    assert real_home.apply(BED, state="off", more=keyed)["error"]["code"] == Code.IDEMPOTENCY_CONFLICT.value
    assert len(real_home.bodies("effect.intended")) == 1
    costs = real_home.run.ok("cost", "--by", "talent")
    assert costs["asks"] == {"keyed": 3, "suppressed": 1}
    assert [(row["group"], row["writes"]) for row in costs["costs"]] == [(AGENT, 1)]
    assert real_home.ok("capability", "undo", first["action"])["outcome"] == "undone"
    assert real_home.state(BED) == "off"


def test_a_rate_of_the_house_refuses_the_second_ask_in_a_row(real_home: GovernedHome) -> None:
    real_home.ok("target", "set", TARGET, "--rate", "0.01:1")
    assert real_home.apply(BED, state="on")["outcome"] == "converged"
    second = json.loads(real_home.run(*real_home.command(BED, state="off"), "--json").stdout)
    assert second["error"]["code"] == Code.RATE_LIMITED.value and 0 < second["error"]["retry_after"] <= 100
    assert real_home.state(BED) == "on"


def test_who_fits_is_found_and_what_waits_is_cancelled(real_home: GovernedHome, tmp_path: Path) -> None:
    intent = tmp_path / "intent.json"
    intent.write_text(json.dumps({"entities": [BED], "state": "on"}))
    task = ("capability", "find", "--intent", str(intent))
    found = real_home.run.ok(*task, "--scope", "home:control")["fits"]
    assert {(one["talent"], one["target"]) for one in found} == {(AGENT, TARGET), ("if://person/operator", TARGET)}
    assert real_home.run.refused(*task, "--scope", "money:spend")[1] == Code.NO_TALENT_FITS.value
    waits = real_home.apply(DOOR, state="unlocked")
    assert waits["outcome"] == "waiting"
    real_home.ok("action", "cancel", waits["action"])
    assert real_home.run.refused("approvals", "approve", waits["action"], "--why", "late")[1] == (
        Code.APPROVAL_INVALID.value
    )
    assert real_home.state(DOOR) == "locked" and real_home.bodies("effect.intended") == []
