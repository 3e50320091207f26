"""`ifctl stop`, `ifctl resume` and `ifctl action`, also where another process has the home open."""

from __future__ import annotations

import json
import stat
import time
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator

Studio = tuple[Ifctl, VmixSimulator]
APPLY = ("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "a test")
WHY = ("--why", "the stage is not clear")


def writes(vmix: VmixSimulator) -> list[str]:
    return [request.function for request in vmix.requests if request.function]


def kinds(run: Ifctl, kind: str) -> list[Any]:
    return [entry["body"] for entry in reversed(run.ok("witness", "query", "--kind", kind)["entries"])]


def test_a_stop_halts_what_writes_and_nothing_else(studio: Studio) -> None:
    run, vmix = studio
    stopped = run.ok("stop", "--all", *WHY)["stop"]
    assert (stopped["scope"], stopped["recorded"]) == ("all", True)
    before = writes(vmix)
    _, code, message = run.refused(*APPLY)
    assert code == "IF_ERR_STOPPED"
    assert "if://person/operator" in message and "the stage is not clear" in message
    assert writes(vmix) == before
    assert run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")["outcome"] == "planned"
    assert run.ok(*APPLY, "--dry-run")["outcome"] == "dry_run"
    assert run.ok("resume", "--all", "--why", "it is clear")["stop"]["change"] == "lifted"
    assert run.ok(*APPLY)["outcome"] == "converged"


def test_a_stop_of_one_capability_or_talent_names_something_that_is_there(vmix_home: Ifctl) -> None:
    assert vmix_home.refused("stop", "--capability", "vmix.switchr", *WHY)[1] == "IF_ERR_CAPABILITY_UNKNOWN"
    assert vmix_home.refused("stop", "--talent", "nobody", *WHY)[1] == "IF_ERR_TALENT_UNKNOWN"
    assert vmix_home.refused("stop", *WHY)[1] == "IF_ERR_USAGE"
    assert vmix_home.refused("stop", "--all", "--talent", "operator", *WHY)[1] == "IF_ERR_USAGE"
    assert vmix_home.refused("stop", "--all")[1] == "IF_ERR_WHY_REQUIRED"
    assert vmix_home.refused("resume", "--all", *WHY)[1] == "IF_ERR_USAGE"
    assert vmix_home.ok("stop", "--list") == {"stops": []}


@pytest.mark.parametrize("scope", [("--capability", "vmix.switcher"), ("--talent", "operator")])
def test_a_narrow_stop_is_lifted_by_its_own_name_only(studio: Studio, scope: tuple[str, str]) -> None:
    run, _ = studio
    run.ok("stop", *scope, *WHY)
    assert [row["recorded"] for row in run.ok("stop", "--list")["stops"]] == [True]
    assert run.refused("resume", "--all", *WHY)[1] == "IF_ERR_USAGE"
    assert run.refused(*APPLY)[1] == "IF_ERR_STOPPED"
    run.ok("resume", *scope, *WHY)
    assert run.ok(*APPLY)["outcome"] == "converged"


def test_a_stop_is_recorded_once_with_who_and_why(vmix_home: Ifctl) -> None:
    vmix_home.ok("stop", "--all", *WHY)
    vmix_home.ok("stop", "--all", *WHY)
    (entry,) = kinds(vmix_home, "stop.changed")
    assert (entry["talent"], entry["scope"], entry["change"]) == ("if://person/operator", "all", "set")
    assert entry["why"] == "the stage is not clear"
    file = vmix_home.home / "stops" / "all.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_doctor_and_the_list_tell_of_a_stop(vmix_home: Ifctl) -> None:
    vmix_home.ok("stop", "--capability", "vmix.switcher", *WHY)
    looks = json.loads(vmix_home("doctor", "--json").stdout)["looks"]
    (look,) = [one for one in looks if one["what"] == "stops"]
    assert look["state"] == "note" and "vmix.switcher" in look["said"] and "the stage is not clear" in look["said"]
    assert look["remedy"] == 'ifctl resume --capability vmix.switcher --why "…"'
    assert "vmix.switcher" in vmix_home("stop", "--list").stdout


def test_only_a_person_lifts_a_stop(vmix_home: Ifctl) -> None:
    vmix_home.ok("talent", "add", "--name", "Robot", "--why", "a test")
    vmix_home.ok("stop", "--all", "--as", "Robot", *WHY)
    assert vmix_home.refused("resume", "--all", "--as", "Robot", *WHY)[1] == "IF_ERR_DENIED"
    assert [row["by"] for row in vmix_home.ok("stop", "--list")["stops"]] == ["if://agent/Robot"]


def test_actions_are_listed_and_shown(studio: Studio) -> None:
    run, _ = studio
    done = run.ok(*APPLY)
    listed = run.ok("action", "list")["actions"]
    assert [(row["action"], row["state"]) for row in listed] == [(done["action"], "converged")]
    assert run.ok("action", "list", "--open") == {"actions": []}
    shown = run.ok("action", "show", done["action"])
    assert (shown["talent"], shown["why"], shown["state"]) == ("if://person/operator", "a test", "converged")
    assert [change["result"] for change in shown["changes"]] == ["answered"] * len(done["plan"]["changes"])
    assert done["action"] in run("action", "show", done["action"]).stdout
    assert run.refused("action", "cancel", done["action"], *WHY)[1] == "IF_ERR_NOT_UNDER_WAY"
    assert run.refused("action", "show", "nothing")[1] == "IF_ERR_ACTION_UNKNOWN"
    assert run.refused("action", "cancel", "nothing", *WHY)[1] == "IF_ERR_ACTION_UNKNOWN"


def test_a_stop_reaches_the_kernel_that_has_the_home_open(studio: Studio) -> None:
    run, vmix = studio
    watch = run.process("watch", "vmix.switcher", "--scene", "Intro", "--every", "60s", "--json")
    try:
        _until(lambda: watch.poll() is not None or bool(run.ok("action", "list")["actions"]))
        stopped = run.ok("stop", "--all", *WHY)["stop"]
        assert stopped["recorded"], "the running kernel records what it sees"
        assert run.ok("stop", "--list")["stops"][0]["recorded"]
        assert run.ok("resume", "--all", *WHY)["stop"]["recorded"]
    finally:
        watch.terminate()
        watch.communicate(timeout=20)
    assert [entry["change"] for entry in kinds(run, "stop.changed")] == ["set", "lifted"]
    assert writes(vmix) == []


def _until(so: Any) -> None:
    until = time.monotonic() + 30
    while not so():
        assert time.monotonic() < until
        time.sleep(0.2)
