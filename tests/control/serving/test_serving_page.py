"""docs/serving.md tells the truth: its session runs beside a kernel, and what it names is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from beside import kernel_of
from homes import Ifctl
from pages import Page

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.door_settings import ServeSettings
from infrafabric.kernel.errors import Code

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


@pytest.mark.timeout(240)
def test_its_session_is_true(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> None:
    run, _ = studio
    with kernel_of(run) as found:
        assert Page(PAGE).run(run, tmp_path) == 3
    row = next(line for line in PAGE.splitlines() if line.startswith("| `--json` |"))
    assert set(re.findall(r"`(\w+)`", row)) == set(found)


def test_what_it_names_is_there() -> None:
    assert set(re.findall(r"IF_ERR_\w+", PAGE)) <= {code.value for code in Code}
    for name in ("host", "port", "tls_certificate", "tls_key", "connections", "header_bytes", "slow_s", "stop_s"):
        assert name in ServeSettings.model_fields
        assert name in PAGE


def test_the_image_is_built_as_it_should_be() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert last.index("\nUSER ") < last.index("\nENTRYPOINT ")
    assert " latest" not in text
    linter = shutil.which("hadolint")
    if linter is not None:
        done = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
