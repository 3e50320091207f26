"""`ifctl falsify` and `apply --mode=falsify` on a simulated vMix."""

from __future__ import annotations

import json
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.falsify.attempts import ATTEMPTS

Studio = tuple[Ifctl, VmixSimulator]
APPLY = ("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "the show begins")
TASK = ("--task", "before the show", "--mode=pre-commit")


def writes(vmix: VmixSimulator) -> list[str]:
    return [request.function for request in vmix.requests if request.function]


@pytest.fixture
def asked(studio: Studio) -> tuple[Ifctl, VmixSimulator, str]:
    """A plan that waits: a hazard that people must hear of, whoever asks."""
    run, vmix = studio
    _, code, _ = run.refused(*APPLY, "--hazard", "legal")
    assert code == "IF_ERR_APPROVAL_REQUIRED"
    (pending,) = run.ok("action", "list", "--open")["actions"]
    assert pending["state"] == "waiting"
    return run, vmix, pending["action"]


def results(row: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["result"] for one in row["attempts"]}


def test_apply_falsifies_first_and_goes_on_where_the_plan_stood(studio: Studio) -> None:
    run, vmix = studio
    report = run.ok(*APPLY, "--mode=falsify")
    assert report["outcome"] == "converged" and writes(vmix)
    assert results(report) == dict.fromkeys(ATTEMPTS, "stood")
    (entry,) = run.ok("witness", "query", "--kind", "plan.falsified")["entries"]
    assert entry["body"]["attempts"] == report["attempts"]
    shown = run("action", "show", report["action"]).stdout
    assert "blast-radius" in shown and "stood" in shown


def test_right_plans_stand_and_blast_radius_tells_inputs_by_their_titles(show_studio: Studio) -> None:
    run, _ = show_studio
    for name, intent, said in (
        ("vmix.audio", {"input": "Camera 1", "muted": True, "volume": 2, "buses": ["M", "A"]}, "(Camera 1)"),
        ("vmix.audio", {"bus": "master", "muted": True}, "could not be judged"),
        ("vmix.switcher", {"scene": "Slides & Titles", "transition": "fade", "duration_ms": 100}, "(Slides & Titles)"),
        ("vmix.overlay", {"channel": 1, "input": "Lower Third"}, "(Lower Third)"),
        ("vmix.overlay", {"channel": 1, "input": None}, "could not be judged"),
    ):
        wanted = ("--intent", "-", "--why", "the show", "--mode=falsify")
        report = run.ok("capability", "apply", name, *wanted, stdin=json.dumps(intent))
        assert results(report) == dict.fromkeys(ATTEMPTS, "stood")
        assert said in next(one["said"] for one in report["attempts"] if one["name"] == "blast-radius")


def test_a_plan_that_waits_and_stands_goes_on_waiting(asked: tuple[Ifctl, VmixSimulator, str]) -> None:
    run, vmix, action = asked
    (row,) = run.ok("falsify", *TASK)["plans"]
    assert (row["action"], row["outcome"], row["refuted"]) == (action, "waiting", False)
    assert results(row) == dict.fromkeys(ATTEMPTS, "stood")
    assert writes(vmix) == []
    assert [one["action"] for one in run.ok("action", "list", "--open")["actions"]] == [action]


def test_a_plan_that_waits_and_is_stale_ends(asked: tuple[Ifctl, VmixSimulator, str]) -> None:
    run, vmix, action = asked
    run.ok("capability", "apply", "vmix.switcher", "--scene", "Camera 2", "--why", "another hand")
    result = run("falsify", *TASK)
    assert result.exit_code == 1 and "fresh-reads" in result.stdout and "IF_ERR_FALSIFIED" in result.stdout
    shown = run.ok("action", "show", action)
    assert (shown["state"], shown["error"]["code"]) == ("refused", "IF_ERR_FALSIFIED")
    assert run.ok("falsify", *TASK) == {"mode": "pre-commit", "plans": []}


def test_what_waits_can_be_cancelled(asked: tuple[Ifctl, VmixSimulator, str]) -> None:
    run, vmix, action = asked
    cancelled = run.ok("action", "cancel", action, "--why", "not today")
    assert cancelled["report"]["error"]["code"] == "IF_ERR_CANCELLED"
    assert "not today" in cancelled["report"]["error"]["message"]
    assert run.ok("action", "list", "--open") == {"actions": []}
    assert writes(vmix) == []


def test_wrong_use_is_told(vmix_home: Ifctl) -> None:
    assert vmix_home.refused("falsify", "--mode=pre-commit")[1] == "IF_ERR_WHY_REQUIRED"
    assert vmix_home.refused("falsify", "nothing", *TASK)[1] == "IF_ERR_ACTION_UNKNOWN"
    assert vmix_home.refused(*APPLY, "--dry-run", "--mode=falsify")[1] == "IF_ERR_USAGE"
