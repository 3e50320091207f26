"""docs/talents.md tells the truth: its examples run in the order in which they stand, with the answers it gives."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from homes import Ifctl

PAGE = Path(__file__).parents[2].joinpath("docs", "talents.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_the_examples_do_what_the_page_says(vmix_home: Ifctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scene.json").write_text('{"scene": "Wide"}')
    assert len(LINES) > 20
    for line in LINES:
        text, _, code = line.partition("  # ")
        program, *words = shlex.split(text)
        assert program == "ifctl"
        if code:
            assert vmix_home.refused(*words)[1] == code, line
        else:
            vmix_home.ok(*words)


def test_the_two_lines_that_everyone_begins_with_are_among_them() -> None:
    assert any('talent add --name "Finance.Agent" --role analyst' in line for line in LINES)
    granted = "talent grant --name Finance.Agent --capability vmix.switcher --scope studio:control --why"
    assert any(granted in line for line in LINES)
