"""docs/stop.md tells the truth: its commands answer what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Ifctl
from pages import Page

from infrafabric.control.demo.simulator import VmixSimulator

pytestmark = pytest.mark.timeout(240)
PAGE = Path(__file__).parents[2].joinpath("docs", "stop.md").read_text(encoding="utf-8")


def test_the_page_runs(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> None:
    run, vmix = studio
    assert Page(PAGE).run(run, tmp_path) == 12
    assert vmix.program == "Intro" and len(vmix.writes()) == 1
