"""`ifctl up`, and what ifctl does beside it."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from beside import kernel_of
from homes import VMIX, Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a local door takes a socket in the file system")
APPLY = ("capability", "apply", "vmix.switcher")
Studio = tuple[Ifctl, VmixSimulator]


def status_of(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own address
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.timeout(240)
def test_a_first_start_makes_a_home_and_says_where_everything_is(tmp_path: Path) -> None:
    run = Ifctl(tmp_path / "home")
    with kernel_of(run) as found:
        assert (found["home"], found["kind"], found["made"]) == (str(run.home), "development", True)
        assert found["vkey"] == run.ok("witness", "vkey")["vkey"]
        assert found["console"].startswith(found["url"].replace("127.0.0.1", "localhost") + "/console/enter#")
        status, body = status_of(f"{found['url']}/v1/capabilities")
        assert (status, json.loads(body)["code"]) == (401, Code.AUTH_REQUIRED.value)
        assert run.refused("up", "--port", "0")[:2] == (1, Code.HOME_LOCKED.value)
        for command in (["witness", "rotate-key"], ["witness", "reopen", "example.org/x"]):
            _, code, message = run.refused(*command, "--why", "x")
            assert code == Code.HOME_LOCKED.value
            assert f"process {found['pid']}" in message
        assert (run.home / "kernel.sock").exists()
    assert not (run.home / "kernel.sock").exists()
    newest = run.ok("witness", "query", "--limit", "1")["entries"]
    assert [row["kind"] for row in newest] == ["kernel.stopped"]
    with kernel_of(run) as again:
        assert again["made"] is False
        run_port = again["url"].rpartition(":")[2]
        other = Ifctl(tmp_path / "other")
        assert other.refused("up", "--port", run_port)[1] == Code.PORT_TAKEN.value


def test_beyond_this_machine_it_is_not_served(bare_home: Ifctl) -> None:
    assert bare_home.refused("up", "--host", "192.0.2.7", "--port", "0")[1] == Code.PRODUCTION_ONLY.value
    assert bare_home.refused("up", "--port", "0", "--systemd")[:2] == (2, Code.USAGE.value)
    assert bare_home.refused("up", "--host", "not a host")[:2] == (2, Code.USAGE.value)


@pytest.mark.timeout(400)
def test_every_command_works_beside_a_running_kernel(studio: Studio, tmp_path: Path) -> None:
    run, vmix = studio
    with kernel_of(run):
        receipt = tmp_path / "receipt.json"
        done = run.ok(*APPLY, "--scene", "Intro", "--why", "x", "--receipt", str(receipt))
        assert (done["outcome"], vmix.program) == ("converged", "Intro")
        assert run.ok("witness", "verify", str(receipt), "--vkey", run.ok("witness", "vkey")["vkey"])["verified"]
        assert "plan" in run.ok("capability", "replay", done["action"])["runs"]
        assert run.ok("capability", "undo", done["action"], "--why", "x")["outcome"] == "undone"
        assert run.refused("capability", "close", done["action"], "done", "--why", "x")[1] == Code.USAGE.value
        traced = run(*APPLY, "--scene", "Guest", "--why", "x", "--trace")
        assert "received" in traced.stderr
        assert "closed" in traced.stderr

        # What operators change holds at once.
        run.ok("talent", "add", "--name", "Finance.Agent", "--why", "x")
        plan = ("capability", "plan", "vmix.switcher", "--scene", "Intro", "--as", "Finance.Agent")
        assert run.refused(*plan)[1] == Code.NOT_GRANTED.value
        granted = ("--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "x")
        run.ok("talent", "grant", *granted)
        assert run.ok(*plan)["outcome"] == "planned"
        run.ok("talent", "revoke", *granted)
        assert run.refused(*plan)[1] == Code.NOT_GRANTED.value
        run.ok("talent", "grant", *granted)
        run.ok("budget", "set", "--subject", "talent:Finance.Agent", "--per", "day", "--limit", "5", "--why", "x")
        run.ok("role", "set", "night", "--includes", "approver", "--why", "x")
        run.ok("target", "add", "vmix@b", "VMIX_HOST=127.0.0.1", "--why", "x")
        assert run.refused("target", "add", "vmix@b", "VMIX_HOST=127.0.0.1", "--why", "x")[1] == Code.EXISTS.value
        run.ok("target", "remove", "vmix@b", "--why", "x")

        # Secrets, bundles, trust.
        run.ok("secret", "set", "DESK_KEY", "--why", "x", stdin="a value of some length")
        run.ok("secret", "rotate", "DESK_KEY", "--overlap", "0s", "--why", "x", stdin="another value of length")
        leak = (*APPLY, "--scene", "another value of length", "--why", "x")
        assert run.refused(*leak)[1] == Code.ARGUMENT_SECRET.value
        bundle = str(tmp_path / "audio")
        signed = run.ok("adapter", "sign", str(VMIX), "--manifest", "audio.yaml", "--out", bundle)
        run.ok("adapter", "install", bundle)
        name = f"vmix.audio@{signed['version']}"
        run.ok("trust", "allow", name, "--why", "x")
        assert run.ok("capability", "show", "vmix.audio")["usable"] is True
        run.ok("trust", "revoke", name, "--why", "x")
        listed = {row["capability"]: row for row in run.ok("capability", "list")["capabilities"]}
        assert listed["if://capability/vmix.audio"]["usable"] is False

        # The log.
        index = run.ok("witness", "query", "--action", done["action"])["entries"][-1]["index"]
        run.ok("witness", "erase", str(index), "--why", "x")
        assert run.refused("witness", "erase", str(index), "--why", "x")[1] == Code.BODY_ERASED.value
        assert run.refused("witness", "clock", "--confirm", "--why", "x")[1] == Code.USAGE.value
        run.ok("witness", "anchor", str(tmp_path / "anchors"))
        assert run.ok("witness", "verify")["verified"] is True


@pytest.mark.timeout(240)
def test_questions_lists_watches_and_stops_beside_a_running_kernel(studio: Studio, tmp_path: Path) -> None:
    run, vmix = studio
    run.ok("talent", "add", "--name", "Finance.Agent", "--why", "x")
    run.ok("talent", "grant", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "x")
    asks = (*APPLY, "--scene", "Intro", "--as", "Finance.Agent", "--why", "x", "--json")
    with kernel_of(run):
        waiting = [json.loads(run(*asks).stdout) for _ in range(3)]
        assert {one["error"]["code"] for one in waiting} == {Code.APPROVAL_REQUIRED.value}
        first, second, third = (one["action"] for one in waiting)
        assert len(run.ok("approvals", "list")["questions"]) == 3
        run.ok("falsify", first, "--task", "x")
        run.ok("approvals", "deny", second, "--why", "x")
        run.ok("action", "cancel", third, "--why", "x")
        approved = run.ok("approvals", "approve", first, "--why", "x")
        assert [answer["outcome"] for answer in approved["answers"]] == ["converged"]
        assert vmix.program == "Intro"

        steps = tmp_path / "steps.json"
        intent: dict[str, Any] = {"capability": "vmix.switcher", "intent": {"scene": "Guest"}}
        steps.write_text(json.dumps({"steps": [intent]}))
        assert run.ok("run", str(steps), "--why", "x")["outcome"] == "done"
        assert run("watch", "vmix.switcher", "--scene", "Guest", "--once").exit_code == 0
        assert run("watch", "vmix.switcher", "--scene", "Intro", "--once").exit_code == 1

        assert run.ok("stop", "--all", "--why", "x")["stop"]["recorded"] is True
        assert run.refused(*APPLY, "--scene", "Intro", "--why", "x")[1] == Code.STOPPED.value
        assert run.ok("resume", "--all", "--why", "x")["stop"]["recorded"] is True
        assert run.ok(*APPLY, "--scene", "Intro", "--why", "x")["outcome"] == "converged"


@pytest.mark.timeout(240)
def test_a_kernel_that_is_told_to_stop_twice_finishes_the_write_in_hand(studio: Studio) -> None:
    run, vmix = studio
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")  # the sandbox component is compiled then
    with run.process("up", "--port", "0", "--json") as kernel:
        assert kernel.stdout is not None
        assert kernel.stderr is not None
        assert kernel.stdout.readline()
        run.ok("capability", "plan", "vmix.switcher", "--scene", "Guest")
        vmix.faults.delay_s = 2
        with run.process(*APPLY, "--scene", "Intro", "--why", "x", "--trace", "--json") as asking:
            assert asking.stderr is not None
            while "intended" not in (line := asking.stderr.readline()):
                assert line, "it ended before it began"
            kernel.send_signal(signal.SIGTERM)
            assert "stopping" in kernel.stderr.readline()
            kernel.send_signal(signal.SIGTERM)
            vmix.faults.delay_s = 0
            answer, said = asking.communicate(timeout=60)
        kernel.communicate(timeout=60)
    assert kernel.returncode == 0
    assert asking.returncode == 0, said
    assert json.loads(answer)["outcome"] == "converged"
    assert vmix.program == "Intro"
    assert run.ok("witness", "query", "--limit", "1")["entries"][0]["kind"] == "kernel.stopped"


@pytest.mark.timeout(240)
def test_a_kernel_that_was_killed_is_none(studio: Studio) -> None:
    run, vmix = studio
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")  # the sandbox component is compiled then
    with run.process("up", "--port", "0", "--json") as kernel:
        assert kernel.stdout is not None
        assert kernel.stdout.readline()
        run.ok("capability", "plan", "vmix.switcher", "--scene", "Guest")
        vmix.faults.delay_s = 3
        with run.process(*APPLY, "--scene", "Intro", "--why", "x", "--trace", "--json") as asking:
            assert asking.stderr is not None
            while "resolved" not in (line := asking.stderr.readline()):
                assert line, "it ended before it began"
            kernel.kill()
            answer, _ = asking.communicate(timeout=60)
        kernel.communicate(timeout=60)
    assert json.loads(answer)["error"]["code"] == Code.SERVER_UNREACHABLE.value
    assert (run.home / "kernel.sock").exists()
    vmix.faults.delay_s = 0
    assert run.ok(*APPLY, "--scene", "Intro", "--why", "x")["outcome"] == "converged"
    with kernel_of(run):
        assert run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")["outcome"] == "planned"


@pytest.mark.timeout(240)
def test_a_command_that_is_interrupted_stops_its_action_in_the_kernel(studio: Studio) -> None:
    run, vmix = studio
    with kernel_of(run):
        run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
        vmix.faults.delay_s = 3
        with run.process(*APPLY, "--scene", "Intro", "--why", "x", "--trace") as asking:
            assert asking.stderr is not None
            while "resolved" not in (line := asking.stderr.readline()):
                assert line, "it ended before it began"
            action = line.split()[-1]
            asking.send_signal(signal.SIGINT)
            _, said = asking.communicate(timeout=60)
        assert (asking.returncode, "Traceback" in said) == (130, False)
        while (shown := run.ok("action", "show", action))["state"] not in ("refused", "converged"):
            time.sleep(0.2)
    assert (shown["state"], vmix.writes()) == ("refused", [])
