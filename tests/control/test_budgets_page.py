"""docs/limits.md tells the truth about budgets and cost: its commands answer what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from homes import Ifctl
from pages import Page

from infrafabric.control.demo.simulator import VmixSimulator

pytestmark = pytest.mark.timeout(180)
PAGE = Path(__file__).parents[2].joinpath("docs", "limits.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n.*?(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, f"the page has no section {title}"
    return found[0]


def test_the_budgets_hold_as_the_page_says(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> None:
    run, vmix = studio
    assert Page(section("Budgets and cost")).run(run, tmp_path) == 7
