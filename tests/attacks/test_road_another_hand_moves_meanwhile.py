"""Another hand at the same desk moves a scene between a write and the look at it: that is said, and is no success."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator


def test_a_scene_that_another_hand_takes_away_is_reported_as_such(
    studio: tuple[Ifctl, VmixSimulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, vmix = studio
    before, honest = vmix.program, vmix.function

    def meddled(door: str, name: str, query: Mapping[str, str]) -> bool:
        known = honest(door, name, query)
        vmix.by_hand("CutDirect", Input="Guest")
        return known

    monkeypatch.setattr(vmix, "function", meddled)
    result = run("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "a test", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["outcome"], report["error"]["code"]) == ("failed", "IF_ERR_CONTESTED")
    assert "Guest" in report["error"]["message"] and before not in report["error"]["message"]
    assert [change["effect"] for change in report["remains"]["changes"]] == ["cut"]
    assert vmix.program == "Guest", "what the other hand did stands"


def test_a_desk_that_does_nothing_is_not_blamed_on_another_hand(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    vmix.faults.ignore = {"*"}
    result = run("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "a test", "--json")
    assert json.loads(result.stdout)["error"]["code"] == "IF_ERR_NOT_CONVERGED"
