"""ifctl where its streams, its words or its surroundings are not what a program hopes for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

posix = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
APPLY = ("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "x")


def shelled(run: Ifctl, redirection: str, *args: str) -> subprocess.CompletedProcess[str]:
    """ifctl as a process, its streams redirected as a POSIX shell does it."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m infrafabric.control.ifctl "$@" {redirection}', sys.executable, *args],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "INFRAFABRIC_HOME": str(run.home)},
    )


@full
@pytest.mark.parametrize(
    "args",
    [["witness", "query", "--json"], ["talent", "list"], ["witness", "vkey"], ["--help"], ["nonsense", "--json"]],
    ids=" ".join,
)
def test_no_room_for_the_answer_is_said_on_stderr(vmix_home: Ifctl, args: list[str]) -> None:
    done = shelled(vmix_home, ">/dev/full", *args)
    assert done.returncode in (1, 2)
    assert "IF_ERR_" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert not (vmix_home.home / "crash").exists() or not list((vmix_home.home / "crash").iterdir())


@full
def test_an_action_whose_report_is_lost_is_named_on_stderr(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    done = shelled(run, ">/dev/full", *APPLY, "--json")
    assert vmix.program == "Intro"
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert Code.FILE_UNWRITABLE.value in done.stderr
    (closed,) = run.ok("witness", "query", "--kind", "action.closed")["entries"]
    assert f"action {closed['action']}: converged" in done.stderr


@full
def test_an_action_goes_on_where_nobody_hears_of_it(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    done = shelled(run, "2>/dev/full", *APPLY, "--trace", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "converged"
    assert vmix.program == "Intro"


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_done_without(studio: tuple[Ifctl, VmixSimulator], closed: str) -> None:
    run, vmix = studio
    done = shelled(run, closed, *APPLY)
    assert done.returncode == 0, done.stderr
    assert vmix.program == "Intro"
    assert ("converged" in done.stdout) is (">&-" not in closed.replace("2>&-", ""))
    assert shelled(run, closed, "capability", "show", "obs.scene").returncode == 1
    assert run.ok("witness", "verify")["verified"] is True


NOT_UTF8 = "bad\udcffbad"


@pytest.mark.parametrize(
    "args",
    [
        [*APPLY, "--idempotency-key", NOT_UTF8],
        [*APPLY, "--on", NOT_UTF8],
        [*APPLY, "--hazard", NOT_UTF8],
        [*APPLY[:-1], NOT_UTF8],
        ["capability", "undo", NOT_UTF8, "--why", "x"],
        ["capability", "replay", NOT_UTF8],
        ["witness", "show", NOT_UTF8],
        ["target", "add", "vmix@b", f"VMIX_HOST={NOT_UTF8}", "--why", "x"],
        ["talent", "list", "--home", NOT_UTF8],
        [NOT_UTF8],
    ],
    ids=lambda args: " ".join(args[:2]).encode("ascii", "replace").decode(),
)
def test_words_that_are_not_utf8_are_not_understood(vmix_home: Ifctl, args: list[str]) -> None:
    before = vmix_home.ok("witness", "checkpoint")["size"]
    status, code, message = vmix_home.refused(*args)
    assert (status, code) == (2, Code.USAGE.value)
    assert "not UTF-8" in message
    assert vmix_home.ok("witness", "checkpoint")["size"] == before


@pytest.mark.parametrize("width", ["abc", "-5", "1e3", "²", "9" * 5000])
def test_a_width_that_is_no_number_is_refused_before_anything_is_done(vmix_home: Ifctl, width: str) -> None:
    before = vmix_home.ok("witness", "checkpoint")["size"]
    result = vmix_home("target", "add", "vmix@b", "--why", "x", "--json", COLUMNS=width)
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (2, Code.USAGE.value)
    assert vmix_home.ok("witness", "checkpoint")["size"] == before


@pytest.mark.parametrize("width", ["", "0", "1", "999999999"])
def test_any_width_that_is_a_number_is_shown_in(vmix_home: Ifctl, width: str) -> None:
    result = vmix_home("talent", "list", COLUMNS=width)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 1_000


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
@pytest.mark.parametrize("verb", ["export", "anchor"])
def test_a_place_that_takes_no_files_is_named(vmix_home: Ifctl, verb: str) -> None:
    status, code, message = vmix_home.refused("witness", verb, "/proc/nowhere")
    assert (status, code) == (1, Code.FILE_UNWRITABLE.value)
    assert "/proc/nowhere" in message


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--hazard", ""),
        ("--hazard", "Live Output"),
        ("--hazard", "live-output\n"),
        ("--hazard", "x" * 49),
        ("--idempotency-key", ""),
        ("--idempotency-key", "two words"),
        ("--idempotency-key", "tab\t"),
        ("--idempotency-key", "ключ"),
        ("--idempotency-key", "x" * 201),
    ],
)
def test_a_hazard_or_key_of_another_form_is_refused(vmix_home: Ifctl, option: str, value: str) -> None:
    status, code, message = vmix_home.refused(*APPLY, option, value)
    assert (status, code) == (2, Code.NAME_INVALID.value)
    assert option in message


def test_a_key_of_an_undo_is_checked_too(vmix_home: Ifctl) -> None:
    undo = ("capability", "undo", "01a1fdbc-e9ff-7dbe-8d3f-578e46acbbca", "--why", "x", "--idempotency-key", "a b")
    assert vmix_home.refused(*undo)[:2] == (2, Code.NAME_INVALID.value)
