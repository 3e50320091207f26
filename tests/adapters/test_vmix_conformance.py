"""Each vMix capability keeps the kernel's promises, on the simulated vMix, by the real http driver, in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

import infrafabric.adapters.vmix as package
from infrafabric.control.harness import Verdict, check
from infrafabric.kernel.hooks import DriverContext
from infrafabric.transports.http import HttpDriver

FOLDER = Path(package.__file__).parent


class _Redactor:
    def redact(self, text: str) -> str:
        return text

    def found(self, text: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("manifest", "cannot_be_undone"),
    [
        ("switcher.yaml", set()),
        ("overlay.yaml", set()),
        ("audio.yaml", set()),
        ("output.yaml", {"stop recording", "stop one stream of two", "stop multicorder"}),
    ],
)
async def test_capability_conforms(manifest: str, cannot_be_undone: set[str]) -> None:
    driver = HttpDriver(DriverContext(_Redactor(), {}))
    try:
        report = await check(FOLDER, manifest, drivers={"http": driver}, native=True)
    finally:
        await driver.close()
    assert report.failures == ()
    assert report.passed
    assert {finding.rule for finding in report.skipped} <= {"inverse-restores"}
    assert {finding.case for finding in report.skipped} == cannot_be_undone
    assert "effects-reached" in {finding.rule for finding in report.findings if finding.verdict is Verdict.PASS}
