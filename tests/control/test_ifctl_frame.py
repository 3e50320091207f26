"""The frame of ifctl: what every command has in common, and how things go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from homes import Ifctl

from infrafabric.control.ifctl import ifctl as root_command
from infrafabric.kernel.errors import Code, FabricError

HEAVY = ("pydantic", "rich", "wasmtime", "nacl", "anyio", "asyncio", "jsonschema", "sqlite3", "yaml")


def commands(
    group: click.Group = root_command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


ALL = dict(commands())


def test_the_commands_are_those_promised() -> None:
    promised = (
        "init doctor demo adapter:new,check,sign,install,remove trust:show,publisher,allow,revoke,rotate,renew "
        "target:add,set,list,remove talent:add,grant,list,revoke secret:set,list,remove "
        "capability:list,show,plan,apply,undo,replay "
        "witness:query,show,verify,proof,checkpoint,vkey,export,anchor,erase"
    )
    expected: set[tuple[str, ...]] = set()
    for word in promised.split():
        group, _, names = word.partition(":")
        expected |= {(group, name) for name in names.split(",")} if names else {(group,)}
    assert expected <= set(ALL)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_takes_json_and_home_and_says_what_it_does(path: tuple[str, ...]) -> None:
    command = ALL[path]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {"--json", "--home"} <= options
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts} says nothing"


def test_every_member_of_the_root_has_the_same_help_as_its_module() -> None:
    context = click.Context(root_command)
    for name in root_command.list_commands(context):
        assert root_command.get_command(context, name) is not None


@pytest.mark.parametrize("args", [["--help"], ["capability", "--help"], ["witness", "query", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    script = (
        "import sys; from infrafabric.control.ifctl import ifctl\n"
        f"assert ifctl.main({args!r}, standalone_mode=False) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["capability", "nonsense"],
        ["target", "add"],
        ["target", "list", "--nonsense"],
        ["witness", "show"],
        ["witness", "query", "--limit", "many"],
        ["capability", "apply", "--scene", "Intro", "vmix.switcher"],
        ["talent", "add"],
        ["trust", "publisher", "acme", "--why", "x"],
        ["init"],
        ["adapter", "sign", "."],
        ["secret", "set"],
        ["witness", "verify", "receipt.json"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_answered_in_json_with_exit_2(bare_home: Ifctl, args: list[str]) -> None:
    status, code, message = bare_home.refused(*args)
    assert (status, code) == (2, Code.USAGE.value)
    assert message


def test_without_json_a_usage_error_shows_the_usage_on_stderr(bare_home: Ifctl) -> None:
    result = bare_home("target", "add")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: ifctl target add" in result.stderr
    assert "IF_ERR_USAGE" in result.stderr


def test_a_refusal_names_its_code_and_what_to_do_on_stderr(bare_home: Ifctl) -> None:
    result = bare_home("capability", "show", "vmix.switcher")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "IF_ERR_CAPABILITY_UNKNOWN" in result.stderr
    assert "what to do:" in result.stderr


def test_no_home_is_said_so(tmp_path: Path) -> None:
    assert Ifctl(tmp_path / "nowhere").refused("talent", "list")[1] == Code.HOME_MISSING.value


def test_home_option_goes_before_the_environment(bare_home: Ifctl, tmp_path: Path) -> None:
    assert bare_home.refused("talent", "list", "--home", str(tmp_path / "nowhere"))[1] == Code.HOME_MISSING.value


def test_a_fault_of_our_own_shows_no_traceback_and_keeps_it(bare_home: Ifctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a detail that is nobody's business")

    monkeypatch.setattr("infrafabric.control.house.load_trust", broken)
    result = bare_home("talent", "list", TRACEPARENT="0123456789abcdef0123456789abcdef")
    assert result.exit_code == 1
    assert "IF_ERR_INTERNAL" in result.stderr
    assert "0123456789abcdef0123456789abcdef" in result.stderr
    assert "Traceback" not in result.output
    assert "nobody's business" not in result.output
    (kept,) = (bare_home.home / "crash").iterdir()
    assert "nobody's business" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_secrets_are_masked_in_a_kept_traceback(bare_home: Ifctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, name: str, value: str, *_: object) -> None:
        raise ZeroDivisionError(f"could not keep {value}")

    monkeypatch.setattr("infrafabric.keys.vault.Vault.set", broken)
    result = bare_home("secret", "set", "TOKEN", "--why", "a test", stdin="correct horse battery\n")
    assert "IF_ERR_INTERNAL" in result.stderr
    (kept,) = (bare_home.home / "crash").iterdir()
    assert "could not keep" in kept.read_text()
    assert "correct horse" not in kept.read_text() + result.output


def test_an_error_inside_a_task_group_is_told_by_itself(bare_home: Ifctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def grouped(*_: Any) -> None:
        raise ExceptionGroup("tasks", [ExceptionGroup("more", [FabricError(Code.TRUST_EXPIRED, "it expired")])])

    monkeypatch.setattr("infrafabric.control.house.load_trust", grouped)
    assert bare_home.refused("talent", "list") == (1, Code.TRUST_EXPIRED.value, "it expired")


def test_a_trace_token_that_is_none_is_refused(bare_home: Ifctl) -> None:
    result = bare_home("target", "add", "vmix@a", "--why", "x", "--json", TRACEPARENT="not a trace")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == Code.NAME_INVALID.value


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from infrafabric.control.cli.shell import coloured

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal: Any = Terminal()
    assert coloured(terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(terminal)
    assert not coloured(sys.stdout) or sys.stdout.isatty()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupt_ends_with_130_and_no_traceback(bare_home: Ifctl) -> None:
    from infrafabric.control.home import Home

    with Home.open(bare_home.home).lock as lock:
        lock.acquire(0)
        with bare_home.process("target", "add", "vmix@a", "--why", "x") as waiting:
            assert waiting.stderr is not None
            assert "waiting for process" in waiting.stderr.readline()
            waiting.send_signal(signal.SIGINT)
            _, said = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert "Traceback" not in said


def test_a_reader_that_goes_away_is_no_fault(bare_home: Ifctl) -> None:
    with bare_home.process("witness", "query", "--json", "--kind", "talent.changed") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "IF_ERR_INTERNAL" not in said
