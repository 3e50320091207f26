"""Each OBS capability keeps the kernel's promises: on a real OBS, by the real driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import infrafabric.adapters.obs as package
from infrafabric.control.harness import Verdict, check
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Driver
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.transports.obs.driver import ObsDriver

if TYPE_CHECKING:
    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio

UNREACHED = {
    "scene.yaml": "group_items",  # obs-websocket cannot make a group
    "source.yaml": "group_items",
    "output.yaml": "start_streaming, start_virtual_camera, stop_streaming, stop_virtual_camera, virtual_camera",
}
CANNOT_BE_UNDONE = {"output.yaml": {"stop recording"}}


@pytest.fixture
async def drivers() -> AsyncIterator[dict[str, Driver]]:
    driver = ObsDriver(DriverContext(SecretRedactor(), {}))
    yield {"obs": driver}
    await driver.close()


@pytest.mark.parametrize("manifest", ["scene.yaml", "source.yaml", "output.yaml"])
async def test_capability_conforms(manifest: str, drivers: dict[str, Driver], obs: ObsStudio) -> None:
    report = await check(Path(package.__file__).parent, manifest, drivers=drivers, native=True)
    assert report.failures == ()
    passed = {finding.rule for finding in report.findings if finding.verdict is Verdict.PASS}
    assert {"converges", "observed-told", "inverse-restores", "repeatable", "refused"} <= passed
    skipped = {finding.case: finding for finding in report.skipped}
    assert set(skipped) - {""} == CANNOT_BE_UNDONE.get(manifest, set())
    assert skipped[""].rule == "effects-reached" and skipped[""].why.endswith(UNREACHED[manifest])
