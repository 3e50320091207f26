"""docs/homes.md tells the truth: its commands are commands, with the options that it gives them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from infrafabric.control.ifctl import ifctl

PAGE = Path(__file__).parents[2].joinpath("docs", "homes.md").read_text(encoding="utf-8")
WORD = "[a-z]+(?:-[a-z]+)*"
SPANS = [" ".join(span.split()) for span in re.findall(r"`(ifctl [^`]*)`", PAGE)]
COMMANDS = sorted({match[1] for span in SPANS if (match := re.match(rf"ifctl ({WORD}(?: {WORD})?)", span))})


def options(span: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", span))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_and_takes_what_the_page_gives_it(command: str) -> None:
    done = CliRunner().invoke(ifctl, [*command.split(), "--help"])
    assert done.exit_code == 0, done.output
    given = [options(span) for span in SPANS if re.match(rf"ifctl {command}\b", span)]
    assert set().union(*given) <= options(done.output)


def test_the_page_tells_of_every_step_of_a_shared_trust_set() -> None:
    assert {"trust roots", "trust sign", "trust adopt", "trust grace", "trust renew", "trust show"} <= set(COMMANDS)


@pytest.mark.parametrize("command", sorted({"publisher", "allow", "revoke", "renew", "roots"}))
def test_each_change_that_the_page_names_takes_a_proposal(command: str) -> None:
    assert f"`{command}`" in PAGE
    assert "--propose" in CliRunner().invoke(ifctl, ["trust", command, "--help"]).output
