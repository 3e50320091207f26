"""A plan waits for people when the log's origin ends: no approval of before, and none of after, lets it through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code

if TYPE_CHECKING:
    from homes import Ifctl

    from infrafabric.control.demo.simulator import VmixSimulator

pytestmark = pytest.mark.timeout(240)
AGENT = "if://agent/Cutter"
CUT = ("capability", "apply", "vmix.switcher", "--scene", "Intro", "--as", AGENT, "--why", "the show begins")
KEYED = ("capability", "apply", "vmix.switcher", "--scene", "Music", "--why", "x", "--idempotency-key", "once")


def furnish(run: Ifctl, port: int) -> None:
    """What an operator sets, and has to set again under a new origin."""
    settings = ("VMIX_HOST=127.0.0.1", f"VMIX_PORT={port}", "--allow-address", "loopback")
    run.ok("target", "add", "vmix@studio-a", *settings, "--why", "a test")
    run.ok("talent", "add", "--name", "Cutter", "--owner", "operator", "--why", "a test")
    for name in ("Cutter", "operator"):
        run.ok("talent", "grant", "--name", name, "--capability", "vmix.switcher", "--why", "a test")


def asks(run: Ifctl) -> str:
    report = json.loads(run(*CUT, "--json").stdout)
    assert (report["outcome"], report["error"]["code"]) == ("waiting", Code.APPROVAL_REQUIRED.value)
    return str(report["action"])


def test_an_open_question_is_void_and_a_used_key_stays_used(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    run.ok("target", "remove", "vmix@studio-a", "--why", "to be set as below")
    furnish(run, vmix.port)
    done = run.ok(*KEYED)
    writes = len(vmix.writes())
    action = asks(run)

    run.ok("witness", "end-origin", "example.org/next", "--why", "the disk was stolen")
    run.ok("policy", "load", "--why", "a test")
    furnish(run, vmix.port)
    _, code, _ = run.refused("approvals", "approve", action, "--why", "all is as it was")
    assert code == Code.PLAN_STALE.value

    again = run.ok(*KEYED)  # nothing is done twice, and the receipt is of the new origin
    assert (again["action"], len(vmix.writes())) == (done["action"], writes)
