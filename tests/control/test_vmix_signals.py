"""vMix tells over TCP when a transition is over: the switcher then goes on at once, and without it by the clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator

FADE = ("--scene", "Intro", "--transition", "fade", "--set", "duration_ms=400", "--why", "a test", "--json")


def waits(run: Ifctl, action: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The waits of an action's apply, with their answers."""
    entries = run.ok("witness", "query", "--action", action)["entries"]
    (closed,) = (entry for entry in entries if entry["kind"] == "action.closed")
    made = closed["body"]["apply_run"]
    return [(asked, said) for asked, said in zip(made["requests"], made["answers"], strict=True) if "wait" in asked]


def test_with_the_tally_the_end_of_a_fade_is_heard(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    run.ok("target", "set", "vmix@studio-a", f"VMIX_TCP_PORT={vmix.tcp_port}", "--why", "a test")
    report = json.loads(run("capability", "apply", "vmix.switcher", *FADE).stdout)
    assert report["outcome"] == "converged"
    assert (vmix.program, vmix.preview) == ("Intro", "Camera 2")
    heard = waits(run, report["action"])
    assert all(asked.get("news") is True for asked, _ in heard)
    passed = sum(said["ok"]["passed_s"] for _, said in heard)
    assert 0 < passed < 0.7, "the tally ends the wait, not the clock at 0.7 s"


@pytest.mark.parametrize("port", ["", "1"], ids=["not given", "nobody there"])
def test_without_it_the_clock_decides(studio: tuple[Ifctl, VmixSimulator], port: str) -> None:
    run, vmix = studio
    if port:
        run.ok("target", "set", "vmix@studio-a", f"VMIX_TCP_PORT={port}", "--why", "a test")
    report = json.loads(run("capability", "apply", "vmix.switcher", *FADE).stdout)
    assert report["outcome"] == "converged"
    assert (vmix.program, vmix.preview) == ("Intro", "Camera 2")
    assert waits(run, report["action"]) == [({"wait": 0.7, "news": True}, {"ok": {}})]
