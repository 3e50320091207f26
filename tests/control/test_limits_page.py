"""docs/limits.md tells the truth about rates and breakers, and gives the settings' defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from homes import Ifctl
from pages import Page

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.settings import GovernorSettings
from infrafabric.kernel.words.manifest import Limits
from infrafabric.transports.http.answer import LATER

PAGE = Path(__file__).parents[2].joinpath("docs", "limits.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n.*?(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, f"the page has no section {title}"
    return found[0]


def test_a_target_that_fails_is_cut_off_as_it_says(vmix_home: Ifctl, tmp_path: Path) -> None:
    assert Page(section("When a target fails")).run(vmix_home, tmp_path) == 4


@pytest.mark.parametrize(("title", "commands"), [("Rates", 5), ("Duplicates", 4)])
def test_its_commands_answer_what_it_says(
    studio: tuple[Ifctl, VmixSimulator], tmp_path: Path, title: str, commands: int
) -> None:
    run, vmix = studio
    assert Page(section(title)).run(run, tmp_path) == commands
    assert len(vmix.writes()) == {"Rates": 0, "Duplicates": 1}[title]


def test_the_numbers_are_the_defaults() -> None:
    chosen, plain = GovernorSettings(), " ".join(PAGE.split())
    assert f"`governor.failures` failed calls in a row ({chosen.failures})" in plain
    assert f"`governor.open_s` seconds ({chosen.open_s:g})" in plain
    assert f"`governor.retry_s` seconds at most ({chosen.retry_s:g})" in plain
    assert f"`{[int(wait) for wait in Limits().backoff]}`" in plain
    assert f"HTTP {', '.join(map(str, sorted(LATER)))} " in plain


def test_every_setting_that_it_names_is_one() -> None:
    named = set(re.findall(r"`governor\.([a-z_]+)`", PAGE))
    assert named <= set(GovernorSettings.model_fields)
