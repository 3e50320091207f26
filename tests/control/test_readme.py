"""The README tells the truth: its adapter is short and works, and its commands are commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infrafabric.control.harness import http_answer, play
from infrafabric.control.ifctl import ifctl
from infrafabric.registry.manifest import parse_draft

README = Path(__file__).parents[2].joinpath("README.md").read_text()


def block(language: str) -> str:
    """The first block of the section on adapters."""
    section = README[README.index("## An adapter of your own") :]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_adapter_is_under_forty_lines_and_works() -> None:
    manifest, code = block("yaml"), block("python")
    assert len((manifest + code).splitlines()) < 40
    namespace: dict[str, Any] = {}
    exec(compile(code, "adapter.py", "exec"), namespace)  # noqa: S102 (the README's own code)
    draft = parse_draft(manifest.encode())
    answers = {"state": http_answer('{"brightness": 20}')}
    [change] = play(namespace["Lamp"], {"brightness": 80}, answers, manifest=draft.manifest).plan.changes
    assert (change.effect, dict(change.args)) == ("set", {"brightness": 80})
    assert change.inverse is not None and dict(change.inverse.args) == {"brightness": 20}


COMMANDS = sorted({match[1] for match in re.finditer(r"^(?:\$ )?ifctl ((?:[a-z]+ ?){1,2})", README, re.MULTILINE)})


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one(command: str) -> None:
    done = CliRunner().invoke(ifctl, [*command.split(), "--help"])
    assert done.exit_code == 0, done.output
