"""`ifctl approvals`: an agent asks for what is live, a person reads, and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code

if TYPE_CHECKING:
    from homes import Ifctl

    from infrafabric.control.demo.simulator import VmixSimulator

pytestmark = pytest.mark.timeout(240)
AGENT = "if://agent/Cutter"
CUT = ("capability", "apply", "vmix.switcher", "--scene", "Intro", "--as", AGENT, "--why", "the show begins")
OTHER = ("capability", "apply", "vmix.switcher", "--scene", "Music", "--as", AGENT, "--why", "later")


def with_agent(run: Ifctl, name: str = "Cutter", *more: str) -> None:
    run.ok("talent", "add", "--name", name, "--owner", "operator", *more, "--why", "a test")
    run.ok("talent", "grant", "--name", name, "--capability", "vmix.switcher", "--why", "a test")


def asks(run: Ifctl, *command: str) -> str:
    """Ask for what has to wait; the action."""
    result = run(*(command or CUT), "--json")
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert (report["outcome"], report["error"]["code"]) == ("waiting", Code.APPROVAL_REQUIRED.value)
    assert report["pending"]["needs"]["people"] == 1
    return str(report["action"])


def waiting(run: Ifctl) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run.ok("approvals", "list")["questions"]
    return rows


def test_an_agent_asks_and_its_owner_approves(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with_agent(run)
    action = asks(run)
    assert vmix.writes() == []
    [row] = waiting(run)
    assert (row["action"], row["talent"], row["target"], row["agreed"]) == (action, AGENT, "vmix@studio-a", 0)
    assert 0 < row["left_s"] <= 900 and not row["overdue"]
    text = run("approvals", "show", action)
    assert text.exit_code == 0, text.output
    for part in (
        "may if://agent/Cutter do this?",
        "live-output",
        "the asker says (untrusted): the show begins",
        "Intro",
    ):
        assert part in text.stdout
    [answer] = run.ok("approvals", "approve", action, "--why", "the director nodded")["answers"]
    assert answer["outcome"] == "converged" and vmix.program == "Intro"
    assert waiting(run) == []
    assert run.refused("approvals", "show", action)[1] == Code.APPROVAL_INVALID.value
    kinds = [entry["kind"] for entry in run.ok("witness", "query", "--action", action)["entries"]]
    assert kinds.count("approval.given") == 1


def test_a_person_denies(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with_agent(run)
    action = asks(run)
    [answer] = run.ok("approvals", "deny", action, "--why", "not during the news")["answers"]
    assert answer["outcome"] == "refused" and answer["error"]["code"] == Code.APPROVAL_REFUSED.value
    assert vmix.writes() == []
    _, code, message = run.refused("approvals", "approve", action, "--why", "after all")
    assert code == Code.APPROVAL_INVALID.value and "refused" in message


def test_the_receipt_of_what_was_agreed_to_is_written(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> None:
    run, _ = studio
    with_agent(run)
    receipt, vkey = tmp_path / "cut.receipt.json", run.ok("witness", "vkey")["vkey"]
    action = asks(run)
    [answer] = run.ok("approvals", "approve", action, "--receipt", str(receipt), "--why", "go")["answers"]
    assert answer["receipt"] == str(receipt)
    proven = run.ok("witness", "verify", str(receipt), "--vkey", vkey)
    assert proven["action"] == action and proven["approvals"]["agreed"] == 1
    _, code, _ = run.refused("approvals", "deny", asks(run, *OTHER), "--receipt", str(receipt), "--why", "no")
    assert code == Code.EXISTS.value and len(waiting(run)) == 1, "nothing is answered whose receipt cannot be kept"
    absent = tmp_path / "absent.json"
    assert run.refused("approvals", "approve", action, "--receipt", str(absent), "--why", "again")[1] == (
        Code.APPROVAL_INVALID.value
    )
    assert not absent.exists()
    result = run("approvals", "approve", action, waiting(run)[0]["action"], "--receipt", str(absent), "--why", "both")
    assert result.exit_code == 2 and "one action" in result.stderr and len(waiting(run)) == 1


def test_two_people_have_to_agree_and_there_is_no_receipt_before(
    studio: tuple[Ifctl, VmixSimulator], tmp_path: Path
) -> None:
    run, vmix = studio
    policies = run.home / "policies" / "default.cedar"
    policies.write_text(policies.read_text().replace('@verdict("ESCALATE")', '@verdict("ESCALATE")\n@people("2")'))
    run.ok("policy", "load", "--why", "two have to agree")
    with_agent(run)
    result = run(*CUT, "--json")
    action, receipt = json.loads(result.stdout)["action"], tmp_path / "cut.receipt.json"
    [answer] = run.ok("approvals", "approve", action, "--receipt", str(receipt), "--why", "go")["answers"]
    assert answer["outcome"] == "waiting" and "receipt" not in answer and not receipt.exists()
    assert vmix.writes() == []
    assert run.refused("approvals", "approve", action, "--why", "go, go")[1] == Code.APPROVAL_INVALID.value
    run.ok("talent", "add", "--name", "Ann", "--kind", "person", "--why", "a test")
    run.ok("talent", "key", "Ann", "--why", "a test")
    second = ("approvals", "approve", action, "--as", "Ann", "--receipt", str(receipt), "--why", "go")
    assert run.ok(*second)["answers"][0]["outcome"] == "converged" and vmix.program == "Intro"
    proven = run.ok("witness", "verify", str(receipt), "--vkey", run.ok("witness", "vkey")["vkey"])
    assert (proven["approvals"]["needed"], proven["approvals"]["agreed"]) == (2, 2)


def test_a_stale_plan_is_refused(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with_agent(run)
    action = asks(run)
    vmix.by_hand("CutDirect", Input="Music")
    _, code, _ = run.refused("approvals", "approve", action, "--why", "the director nodded")
    assert code == Code.PLAN_STALE.value
    assert vmix.program == "Music" and vmix.writes() == []


def test_alike_ones_are_one_row_and_answered_at_once(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with_agent(run)
    actions = [asks(run) for _ in range(3)]
    other = asks(run, *OTHER)
    listed = run.ok("approvals", "list")
    assert sorted(map(sorted, listed["alike"])) == sorted([sorted(actions), [other]])
    table = run("approvals", "list").stdout
    assert "and 2 more alike" in table
    _, code, message = run.refused("approvals", "approve", actions[0], "--alike", "2", "--why", "two are enough")
    assert code == Code.APPROVAL_INVALID.value and "3 questions ask the same now, not 2" in message
    assert len(waiting(run)) == 4
    answers = run.ok("approvals", "deny", actions[0], "--alike", "3", "--why", "one is enough")["answers"]
    assert sorted(answer["action"] for answer in answers) == sorted(actions)
    assert [row["action"] for row in waiting(run)] == [other]
    assert vmix.writes() == []


def test_who_has_no_key_here_cannot_answer(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with_agent(run)
    action = asks(run)
    run.ok("talent", "add", "--name", "Ann", "--kind", "person", "--why", "a test")
    _, code, message = run.refused("approvals", "approve", action, "--as", "Ann", "--why", "yes")
    assert code == Code.KEY_MISSING.value and "no key is enrolled for if://person/Ann" in message
    run.ok("talent", "key", "Ann", "--why", "a test")
    assert vmix.writes() == [] and len(waiting(run)) == 1


def test_the_operator_in_person_need_not_ask(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    report = run.ok("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "by hand")
    assert report["outcome"] == "converged" and "pending" not in report


def test_what_waits_is_told_to_who_asked(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, _ = studio
    with_agent(run)
    result = run(*CUT)
    assert result.exit_code == 1
    assert "waiting: people have to agree first; nothing was written" in result.stdout
    assert "ifctl approvals show" in result.stdout
    assert Code.APPROVAL_REQUIRED.value in result.stderr


def test_nothing_waits(bare_home: Ifctl) -> None:
    assert run_text(bare_home, "approvals", "list") == "nothing waits for people\n"
    _, code, _ = bare_home.refused("approvals", "show", "0190a0a0-0000-7000-8000-000000000000")
    assert code == Code.ACTION_UNKNOWN.value


def run_text(run: Ifctl, *command: str) -> str:
    result = run(*command)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_run_does_not_wait_for_people(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> None:
    """Its question ends with it: agreed to later, one step would be done of a run that was taken back."""
    run, vmix = studio
    with_agent(run)
    steps = tmp_path / "steps.yaml"
    steps.write_text("steps:\n  - {capability: vmix.switcher, intent: {scene: Intro}}\n")
    _, code, _ = run.refused("run", str(steps), "--as", AGENT, "--why", "the opening")
    assert code == Code.APPROVAL_REQUIRED.value
    assert waiting(run) == [] and vmix.writes() == []


def test_a_watch_asks_once(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with_agent(run)
    watch = ("watch", "vmix.switcher", "--scene", "Intro", "--as", AGENT, "--apply", "--every", "1s", "--for", "12s")
    result = run(*watch, "--why", "keep it there")
    assert result.exit_code == 1, result.output
    assert len(waiting(run)) == 1 and vmix.writes() == []
    assert result.output.count(Code.APPROVAL_REQUIRED.value) == 1
