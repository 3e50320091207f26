"""A flood of asks, as an operator meets it: questions give way, talents take turns, and who asks too much is told when
to come again."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from beside import kernel_of
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

pytestmark = pytest.mark.timeout(240)
Studio = tuple[Ifctl, VmixSimulator]
WHY = ("--why", "a test")
CUT = ("capability", "apply", "vmix.switcher", *WHY, "--json")


def add(run: Ifctl, name: str, kind: str) -> None:
    run.ok("talent", "add", "--name", name, "--kind", kind, *WHY)
    run.ok("talent", "grant", "--name", name, "--capability", "vmix.switcher", *WHY)


def asked(run: Ifctl, name: str, scene: str) -> str:
    """An ask of an agent, which has to wait for people; its action."""
    answer = json.loads(run(*CUT, "--as", name, "--scene", scene).stdout)
    assert answer["outcome"] == "waiting"
    return str(answer["action"])


def test_a_talent_that_floods_people_buries_its_own_questions_only(studio: Studio) -> None:
    run, vmix = studio
    (run.home / "infrafabric.toml").write_text("[approvals]\nopen_per_talent = 2\n")
    add(run, "Calm", "agent")
    add(run, "Storm", "agent")
    calm = asked(run, "Calm", "Intro")
    stormed = [asked(run, "Storm", scene) for scene in ("Music", "Intro", "Music", "Music")]
    listed = run.ok("approvals", "list")
    assert sorted(row["action"] for row in listed["questions"]) == sorted([calm, *stormed[2:]])
    assert sorted(stormed[2:]) in [sorted(batch) for batch in listed["alike"]], "what asks the same is one question"
    expired = run.ok("witness", "query", "--kind", "approval.expired")["entries"]
    assert [(entry["action"], entry["body"]["cause"]) for entry in reversed(expired)] == [
        (stormed[0], "displaced"),
        (stormed[1], "displaced"),
    ]
    gone = run.ok("action", "show", stormed[0])
    assert (gone["state"], gone["error"]["code"]) == ("refused", Code.APPROVAL_EXPIRED.value)
    answers = run.ok("approvals", "deny", stormed[2], "--alike", "2", *WHY)["answers"]
    assert sorted(answer["action"] for answer in answers) == sorted(stormed[2:])
    assert [row["action"] for row in run.ok("approvals", "list")["questions"]] == [calm]
    assert vmix.writes() == []


def started(run: Ifctl, name: str, *scenes: str) -> list[subprocess.Popen[str]]:
    return [run.process(*CUT, "--as", name, "--scene", scene) for scene in scenes]


def ended(processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    answers = []
    for process in processes:
        out, said = process.communicate(timeout=120)
        assert out, said
        answers.append(json.loads(out))
    return answers


def test_talents_take_turns_at_a_target_and_who_waits_too_often_is_told(studio: Studio) -> None:
    """One kernel, ten commands at once. Every turn takes seconds, since the target answers slowly."""
    run, vmix = studio
    (run.home / "infrafabric.toml").write_text("[governor]\nwaiting_each = 3\n")
    add(run, "Busy", "person")
    add(run, "Other", "person")
    vmix.faults.delay_s = 1.5
    with kernel_of(run):
        busy = started(run, "Busy", *("Intro", "Music") * 4)
        while not vmix.requests:  # the first has its turn
            assert busy[0].poll() is None or any(process.poll() is None for process in busy)
        (other,) = ended(started(run, "Other", "Camera 2"))
        answers = ended(busy)
    assert other["outcome"] == "converged", other.get("error")
    refused = [answer for answer in answers if "error" in answer]
    assert refused and {answer["error"]["code"] for answer in refused} == {Code.BUSY.value}
    assert all(answer["error"]["retry_after"] > 0 for answer in refused)
    entries = run.ok("witness", "query", "--target", "vmix@studio-a", "--limit", "500")["entries"][::-1]
    asked_at = next(e["index"] for e in entries if e["action"] == other["action"] and e["kind"] == "action.received")
    turn_at = next(e["index"] for e in entries if e["action"] == other["action"] and e["kind"] == "action.planned")
    turns = [e["index"] for e in entries if e["kind"] == "action.planned" and "Busy" in e["body"]["talent"]]
    assert sum(asked_at < turn < turn_at for turn in turns) <= 2, "the one that had its turn, and one that waited"
