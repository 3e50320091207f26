"""ifctl acts: plan, dry run, apply, undo, replay, against a simulator through the whole kernel."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl
from world import World

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code, FabricError

Studio = tuple[Ifctl, VmixSimulator]
APPLY = ("capability", "apply", "vmix.switcher")


def test_apply_as_the_readme_writes_it(studio: Studio, tmp_path: Path) -> None:
    run, vmix = studio
    receipt = tmp_path / "receipt.json"
    result = run(*APPLY, "--scene", "Intro", "--why", "show open", "--trace", "--receipt", str(receipt))
    assert result.exit_code == 0, result.output
    assert vmix.program == "Intro"
    assert [request.function for request in vmix.writes()] == ["CutDirect"]
    assert "Camera 1 → 3 Intro" in result.stdout
    assert "converged" in result.stdout
    assert "development home" in result.stdout
    stations = re.findall(r"^  (\w+) +[0-9a-f-]{36}$", result.stderr, re.MULTILINE)
    assert stations == [
        "received",
        "resolved",
        "planned",
        "decided",
        "intended",
        "sent",
        "observed",
        "verified",
        "closed",
    ]
    token = re.search(r"^trace ([0-9a-f]{32})$", result.stderr, re.MULTILINE)
    assert token is not None

    found = run.ok("witness", "query", "--trace-token", token[1])["entries"]
    kinds = {row["kind"] for row in found}
    assert {"action.received", "action.planned", "effect.intended", "effect.observed", "action.closed"} <= kinds
    assert {row["body"]["why"] for row in found if row["kind"] == "action.received"} == {"show open"}

    vkey = run.ok("witness", "vkey")["vkey"]
    verified = Ifctl(tmp_path / "no home").ok("witness", "verify", str(receipt), "--vkey", vkey)
    assert verified["verified"] is True
    assert verified["development"] is True
    assert verified["action"] == found[0]["action"]


def test_plan_and_dry_run_write_nothing_and_need_no_reason(studio: Studio) -> None:
    run, vmix = studio
    planned = run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
    assert (planned["outcome"], [change["effect"] for change in planned["plan"]["changes"]]) == ("planned", ["cut"])
    dry = run.ok(*APPLY, "--scene", "Intro", "--dry-run")
    assert (dry["outcome"], dry["changes_digest"]) == ("dry_run", planned["changes_digest"])
    assert vmix.writes() == []


def test_what_was_looked_at_is_what_happens_or_nothing(studio: Studio) -> None:
    run, vmix = studio
    digest = run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")["changes_digest"]
    refused = run.refused(*APPLY, "--scene", "Guest", "--why", "x", "--expect", digest)
    assert refused[:2] == (1, Code.PLAN_STALE.value)
    assert vmix.writes() == []
    run.ok(*APPLY, "--scene", "Intro", "--why", "x", "--expect", digest)


def test_undo_takes_back_and_replay_agrees(studio: Studio) -> None:
    run, vmix = studio
    before = vmix.program
    action = run.ok(*APPLY, "--scene", "Intro", "--why", "x")["action"]
    replayed = run.ok("capability", "replay", action)
    assert "plan" in replayed["runs"]
    undone = run.ok("capability", "undo", action, "--why", "a slip")
    assert undone["outcome"] == "undone"
    assert vmix.program == before
    assert run.refused("capability", "undo", action, "--why", "again")[1] == Code.UNDO_IMPOSSIBLE.value


def test_an_idempotency_key_acts_once(studio: Studio) -> None:
    run, vmix = studio
    keyed = (*APPLY, "--idempotency-key", "monday", "--why", "x")
    first = run.ok(*keyed, "--scene", "Intro")
    second = run.ok(*keyed, "--scene", "Intro")
    assert second["action"] == first["action"]
    assert len(vmix.writes()) == 1
    assert run.refused(*keyed, "--scene", "Guest")[1] == Code.IDEMPOTENCY_CONFLICT.value


@pytest.mark.parametrize(
    ("args", "stdin", "intent"),
    [
        (["--scene", "3"], None, {"scene": "3"}),
        (["--set", "scene=3"], None, {"scene": "3"}),
        (["--set", 'scene="3"', "--set", "duration_ms=40", "--transition", "fade"], None,
         {"scene": "3", "duration_ms": 40, "transition": "fade"}),
        (["--intent", "-"], '{"scene": "3"}', {"scene": "3"}),
    ],
    ids=["option", "set", "mixed", "stdin"],
)  # fmt: skip
def test_an_intent_by_options_by_set_and_by_file(
    studio: Studio, args: list[str], stdin: str | None, intent: dict[str, Any]
) -> None:
    run, _ = studio
    action = run.ok("capability", "plan", "vmix.switcher", *args, stdin=stdin)["action"]
    received = run.ok("witness", "query", "--action", action, "--kind", "action.received")["entries"]
    assert [row["body"]["intent"] for row in received] == [intent]


@pytest.mark.parametrize(
    ("args", "stdin", "status", "code"),
    [
        (["--nonsense", "1"], None, 2, Code.USAGE),
        (["--transition", "teleport"], None, 2, Code.USAGE),
        (["--duration-ms", "long"], None, 2, Code.USAGE),
        (["--scene", "1", "--set", "scene=1"], None, 2, Code.USAGE),
        (["--set", "scene"], None, 2, Code.USAGE),
        (["--set", "nonsense=1"], None, 1, Code.INTENT_INVALID),
        (["--scene", "1", "--duration-ms", "99999999"], None, 1, Code.INTENT_INVALID),
        (["--intent", "-"], "[1]", 1, Code.JSON_INVALID),
        (["--intent", "-"], '{"scene": "1", "scene": "2"}', 1, Code.JSON_INVALID),
        (["--intent", "-"], '{"scene": NaN}', 1, Code.JSON_INVALID),
        (["--intent", "-"], "{" + " " * (1 << 20), 1, Code.TOO_LARGE),
        (["--intent", "/nowhere/at/all"], None, 1, Code.FILE_UNREADABLE),
        (["--scene", "Nobody"], None, 1, Code.ADAPTER_REFUSED),
        (["--scene", "1", "--on", "vmix@nowhere"], None, 1, Code.TARGET_UNKNOWN),
        (["--scene", "1", "--as", "nobody"], None, 1, Code.TALENT_UNKNOWN),
        (["--scene", "1", "--receipt", "/nowhere/at/all"], None, 1, Code.FILE_UNWRITABLE),
        (["--scene", "1", "--trace-token", "short"], None, 2, Code.NAME_INVALID),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_wrong_input_is_refused_and_nothing_written(
    studio: Studio, args: list[str], stdin: str | None, status: int, code: Code
) -> None:
    run, vmix = studio
    assert run.refused(*APPLY, *args, "--why", "x", stdin=stdin)[:2] == (status, code.value)
    assert vmix.writes() == []


def test_a_talent_without_a_grant_may_not_even_look(studio: Studio) -> None:
    run, vmix = studio
    run.ok("talent", "add", "--name", "Nosy.Agent", "--why", "x")
    plan = ("capability", "plan", "vmix.switcher", "--scene", "Intro", "--as", "Nosy.Agent")
    assert run.refused(*plan)[1] == Code.NOT_GRANTED.value
    assert vmix.requests == []
    run.ok("talent", "grant", "--name", "Nosy.Agent", "--capability", "vmix.switcher", "--why", "x")
    assert run.ok(*plan)["outcome"] == "planned"


def test_a_receipt_is_not_written_over_and_the_action_not_begun(studio: Studio, tmp_path: Path) -> None:
    run, vmix = studio
    (tmp_path / "receipt").write_text("mine")
    assert (
        run.refused(*APPLY, "--scene", "Intro", "--why", "x", "--receipt", str(tmp_path / "receipt"))[1]
        == "IF_ERR_EXISTS"
    )
    assert (tmp_path / "receipt").read_text() == "mine"
    assert vmix.requests == []


def test_the_trace_is_taken_from_the_environment(studio: Studio) -> None:
    run, _ = studio
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    result = run("capability", "plan", "vmix.switcher", "--scene", "Intro", "--json", TRACEPARENT=parent)
    assert json.loads(result.stdout)["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_help_lists_the_intent_of_the_capability(vmix_home: Ifctl) -> None:
    text = vmix_home(*APPLY, "--help").stdout
    assert "--scene TEXT" in text
    assert "--duration-ms, --duration_ms INTEGER" in text
    assert "crosszoom" in text
    assert "--scene" not in vmix_home("capability", "apply", "--help").stdout


def test_show_and_list_say_what_there_is(vmix_home: Ifctl) -> None:
    shown = vmix_home("capability", "show", "vmix.switcher")
    assert "live-output" in shown.stdout
    assert vmix_home.ok("capability", "show", "vmix.switcher")["usable"] is True
    assert vmix_home.refused("capability", "show", "obs.scene")[1] == Code.CAPABILITY_UNKNOWN.value
    assert vmix_home.refused("capability", "show", "not a name")[:2] == (2, Code.NAME_INVALID.value)


@pytest.mark.parametrize("verb", ["undo", "replay", "close"])
def test_an_unknown_action_is_refused(vmix_home: Ifctl, verb: str) -> None:
    more = {"undo": ["--why", "x"], "replay": [], "close": ["done", "--why", "x"]}[verb]
    action = "01a1fdbc-e9ff-7dbe-8d3f-578e46acbbca"
    assert vmix_home.refused("capability", verb, action, *more)[1] == Code.ACTION_UNKNOWN.value


def test_doctor_finds_a_sound_home_sound(studio: Studio) -> None:
    run, vmix = studio
    found = run.ok("doctor")
    assert found["healthy"] is True
    looks = {look["what"]: look for look in found["looks"]}
    assert set(looks) >= {"python", "component", "home", "keys", "disk", "log", "sandbox", "trust", "clock", "adapters"}
    assert looks["target vmix@studio-a"]["state"] == "good"
    assert vmix.requests == []


def test_doctor_finds_what_is_wrong(vmix_home: Ifctl) -> None:
    vmix_home.ok("target", "set", "vmix@studio-a", "--deny-address", "loopback", "--why", "x")
    (vmix_home.home / "keys" / "operator.key").unlink()
    (vmix_home.home / "witness" / "slots").write_bytes(bytes(8192))
    result = vmix_home("doctor", "--json")
    assert result.exit_code == 1
    bad = {look["what"]: look["said"] for look in json.loads(result.stdout)["looks"] if look["state"] == "bad"}
    assert set(bad) == {"keys", "log", "target vmix@studio-a"}
    assert Code.LOG_ROLLED_BACK.value in bad["log"]
    assert Code.ADDRESS_REFUSED.value in bad["target vmix@studio-a"]


def test_a_new_adapter_passes_its_check(bare_home: Ifctl, tmp_path: Path) -> None:
    bare_home.ok("adapter", "new", str(tmp_path / "lamp"), "--id", "desk.lamp")
    checked = bare_home.ok("adapter", "check", str(tmp_path / "lamp"))
    assert checked["passed"] is True
    assert checked["reports"][0]["capability"] == "desk.lamp"


def test_a_dishonest_adapter_fails_its_check(bare_home: Ifctl, tmp_path: Path) -> None:
    bare_home.ok("adapter", "new", str(tmp_path / "lamp"))
    code = tmp_path / "lamp" / "adapter.py"
    code.write_text(code.read_text().replace('{"brightness": wanted},\n', '{"brightness": 101},\n', 1))
    result = bare_home("adapter", "check", str(tmp_path / "lamp"), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["passed"] is False


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupt_in_an_action_ends_it_on_record(studio: Studio) -> None:
    run, vmix = studio
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")  # the sandbox component is compiled then
    vmix.faults.delay_s = 3
    with run.process(*APPLY, "--scene", "Intro", "--why", "x", "--trace") as process:
        assert process.stderr is not None
        while "resolved" not in (line := process.stderr.readline()):
            assert line, "it ended before it began"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    newest = run.ok("witness", "query", "--limit", "2")["entries"]
    assert [row["kind"] for row in newest] == ["kernel.stopped", "action.refused"]
    assert newest[1]["body"]["code"] == Code.INTERRUPTED.value
    assert vmix.writes() == []


# --- what fails around an action


def test_an_action_whose_receipt_cannot_be_kept_is_not_begun(studio: Studio) -> None:
    run, vmix = studio
    before = run.ok("witness", "checkpoint")["size"]
    refused = run.refused(*APPLY, "--scene", "Intro", "--why", "x", "--receipt", "/proc/receipt.json")
    assert refused[:2] == (1, Code.FILE_UNWRITABLE.value)
    assert vmix.requests == []
    assert run.ok("witness", "checkpoint")["size"] == before


def test_no_empty_receipt_is_left_where_nothing_came_of_it(studio: Studio, tmp_path: Path) -> None:
    run, _ = studio
    receipt = tmp_path / "receipt"
    apply = (*APPLY, "--why", "x", "--receipt", str(receipt))
    assert run.refused(*apply, "--scene", "Intro", "--as", "nobody")[1] == Code.TALENT_UNKNOWN.value
    assert not receipt.exists()
    assert run.refused(*apply, "--scene", "Intro", "--set", "scene=3")[1] == Code.USAGE.value
    assert not receipt.exists()


@pytest.mark.parametrize("answer", [[], ["--json"]], ids=["text", "json"])
def test_a_receipt_that_is_lost_does_not_hide_what_was_done(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: list[str]
) -> None:
    run, vmix = studio
    receipt = tmp_path / "receipt"
    real = os.fsync

    def full(descriptor: int) -> None:
        if receipt.exists() and os.path.sameopenfile(descriptor, (opened := os.open(receipt, os.O_RDONLY))):
            os.close(opened)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr("os.fsync", full)
    result = run(*APPLY, "--scene", "Intro", "--why", "x", "--receipt", str(receipt), *answer)
    assert result.exit_code == 1
    assert vmix.program == "Intro"
    assert not receipt.exists()
    if answer:
        report = json.loads(result.stdout)
        assert (report["outcome"], "error" in report, "receipt" in report) == ("converged", False, False)
        assert report["receipt_error"]["code"] == Code.FILE_UNWRITABLE.value
        assert run.ok("witness", "show", report["action"])["entries"]
    else:
        assert "converged" in result.stdout
        assert "action   " in result.stdout
        assert Code.FILE_UNWRITABLE.value in result.stderr


def test_a_log_that_stops_afterwards_does_not_hide_what_was_done(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infrafabric.kernel.kernel import Kernel

    async def full(self: Kernel, *_: object, **__: object) -> None:
        raise FabricError(Code.DISK_FULL, "no room for the last entry")

    monkeypatch.setattr(Kernel, "stop", full)
    run, _ = studio
    result = run(*APPLY, "--scene", "Intro", "--why", "x", "--receipt", str(tmp_path / "receipt"), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["outcome"], report["afterwards"]["code"]) == ("converged", Code.DISK_FULL.value)
    assert json.loads((tmp_path / "receipt").read_text())["receipt"] == 1


async def test_an_undo_in_doubt_is_closed_as_undone(world: World) -> None:
    async with world.opened() as house:
        done = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
        world.peer.hang_up = True
        doubtful = await house.kernel.undo(done.action, "if://person/operator", "x")
    run = Ifctl(world.home.root)
    close = ("capability", "close", doubtful.action)
    closed = await asyncio.to_thread(run.ok, *close, "undone", "--why", "the book says so")
    assert closed == {"action": doubtful.action, "outcome": "undone"}
    again = await asyncio.to_thread(run.refused, *close, "undone", "--why", "again")
    assert again[:2] == (2, Code.USAGE.value)
