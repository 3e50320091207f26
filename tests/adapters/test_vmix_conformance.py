"""Each vMix capability keeps the kernel's promises: on the simulated vMix, by the real http driver, in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

import infrafabric.adapters.vmix as package
from infrafabric.control.harness import Report, Verdict, check
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.ports import Driver

FOLDER = Path(package.__file__).parent
MANIFESTS = ["switcher.yaml", "overlay.yaml", "audio.yaml", "output.yaml"]
CANNOT_BE_UNDONE = {"output.yaml": {"stop recording", "stop one stream of two", "stop multicorder"}}


def assert_conforms(report: Report, manifest: str) -> None:
    assert report.failures == ()
    assert report.passed
    passed = {finding.rule for finding in report.findings if finding.verdict is Verdict.PASS}
    assert {"converges", "observed-told", "inverse-restores", "repeatable", "refused", "effects-reached"} <= passed
    assert {finding.rule for finding in report.skipped} <= {"inverse-restores"}
    assert {finding.case for finding in report.skipped} == CANNOT_BE_UNDONE.get(manifest, set())


@pytest.mark.parametrize("manifest", MANIFESTS)
async def test_capability_conforms_in_the_sandbox(manifest: str, drivers: dict[str, Driver], chassis: Chassis) -> None:
    report = await check(FOLDER, manifest, drivers=drivers, chassis=chassis, native=True)
    assert_conforms(report, manifest)
    agreements = {finding.verdict for finding in report.findings if finding.rule == "native-agrees"}
    assert agreements == {Verdict.PASS}


@pytest.mark.parametrize("manifest", ["overlay.yaml", "output.yaml"])
async def test_capability_conforms_natively(manifest: str, drivers: dict[str, Driver]) -> None:
    assert_conforms(await check(FOLDER, manifest, drivers=drivers, native=True), manifest)
