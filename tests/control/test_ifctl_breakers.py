"""Breakers, rates and repeats as an operator meets them."""

from __future__ import annotations

import json
from typing import Any

from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator

UNREACHABLE, CUT_OFF = "IF_ERR_TARGET_UNREACHABLE", "IF_ERR_BREAKER_OPEN"


def try_times(run: Ifctl, times: int) -> list[dict[str, Any]]:
    """Plan so often within one kernel; each time's error."""
    steps = [{"capability": "vmix.switcher", "intent": {"scene": "Intro"}} for _ in range(times)]
    (run.home / "steps.json").write_text(json.dumps({"name": "try", "steps": steps}))
    result = run("run", str(run.home / "steps.json"), "--plan", "--json")
    return [step["error"] for step in json.loads(result.stdout)["steps"]]


def breakers(run: Ifctl) -> list[dict[str, Any]]:
    (row,) = run.ok("target", "list")["targets"]
    found: list[dict[str, Any]] = row["breakers"]
    return found


def states(run: Ifctl) -> list[str]:
    entries = run.ok("witness", "query", "--kind", "breaker.changed")["entries"]
    return [entry["body"]["state"] for entry in reversed(entries)]


def test_a_target_that_keeps_failing_is_cut_off_and_stays_so_after_a_restart(vmix_home: Ifctl) -> None:
    errors = try_times(vmix_home, 7)
    assert [error["code"] for error in errors] == [UNREACHABLE] * 5 + [CUT_OFF] * 2
    assert 25 < errors[-1]["retry_after"] <= 30
    (cut_off,) = breakers(vmix_home)
    assert (cut_off["state"], cut_off["failures"], cut_off["cause"]) == ("open", 5, UNREACHABLE)
    assert "vmix.switcher cut off until" in vmix_home("target", "list").stdout
    _, code, message = vmix_home.refused("capability", "plan", "vmix.switcher", "--scene", "Intro")
    assert code == CUT_OFF
    assert "5 calls in a row failed, the last with IF_ERR_TARGET_UNREACHABLE" in message
    assert states(vmix_home) == ["open"]


def test_a_person_closes_it(vmix_home: Ifctl, simulator: VmixSimulator) -> None:
    try_times(vmix_home, 5)
    assert vmix_home.refused("target", "reset-breaker", "vmix@studio-a")[1] == "IF_ERR_WHY_REQUIRED"
    closed = vmix_home.ok("target", "reset-breaker", "vmix@studio-a", "--why", "the plug is in again")
    assert closed["closed"] == ["if://capability/vmix.switcher"]
    assert breakers(vmix_home) == []
    shown = vmix_home("witness", "query", "--kind", "breaker.changed").stdout
    assert "closed vmix.switcher on vmix@studio-a: the plug is in again" in shown
    assert vmix_home.ok("target", "reset-breaker", "vmix@studio-a", "--why", "x")["closed"] == []
    assert try_times(vmix_home, 1)[0]["code"] == UNREACHABLE


def test_a_target_that_is_changed_begins_anew(vmix_home: Ifctl, simulator: VmixSimulator) -> None:
    try_times(vmix_home, 5)
    vmix_home.ok("target", "set", "vmix@studio-a", f"VMIX_PORT={simulator.port}", "--why", "the right port")
    vmix_home.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
    assert states(vmix_home) == ["open", "closed"]


def test_one_call_tries_again_when_the_time_is_over(vmix_home: Ifctl) -> None:
    (vmix_home.home / "infrafabric.toml").write_text("[governor]\nfailures = 2\nopen_s = 0.05\n")
    try_times(vmix_home, 2)
    assert vmix_home.refused("capability", "plan", "vmix.switcher", "--scene", "Intro")[1] == UNREACHABLE
    assert states(vmix_home) == ["open", "half_open", "open"]


def test_a_rate_of_the_targets_own_is_kept(vmix_home: Ifctl) -> None:
    change = ("target", "set", "vmix@studio-a")
    target = vmix_home.ok(*change, "--rate", "0.5:3", "--why", "an old machine")["target"]
    assert target["rate"] == {"rps": 0.5, "burst": 3}
    assert vmix_home.ok(*change, "--timeout", "4", "--why", "x")["target"]["rate"] == {"rps": 0.5, "burst": 3}
    assert vmix_home.ok(*change, "--rate", "none", "--why", "x")["target"].get("rate") is None
    assert vmix_home.refused(*change, "--rate", "fast", "--why", "x")[1] == "IF_ERR_USAGE"
