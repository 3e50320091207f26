"""The Home Assistant adapters keep the promises: on a real Home Assistant, by the real driver, in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from homeassistant_house import ADAPTER

from infrafabric.adapters.homeassistant.tests.running import HomeAssistant, lend
from infrafabric.control.checking import check_adapters
from infrafabric.control.harness import Verdict
from infrafabric.control.home import Home

if TYPE_CHECKING:
    from infrafabric.control.harness import Report

NOT_IN_THE_DEMO = {
    "entity.yaml": "config, media_stop",
    "service.yaml": "alarm_trigger, close_valve, config, open_valve",
}
"""The demo house has no valve and no player that stops without going off."""


def skipped(report: Report) -> list[tuple[str, str]]:
    return [(finding.rule, finding.why) for finding in report.skipped if finding.rule != "inverse-restores"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("manifest", ["entity.yaml", "service.yaml", "variants/entity-rest.yaml"])
async def test_capability_conforms(manifest: str, running_house: HomeAssistant, furnished: Path) -> None:
    with lend(running_house):
        (report,) = await check_adapters(
            ADAPTER, [manifest], home=Home.open(furnished), native=True, tell=lambda text: None
        )
    assert report.failures == ()
    passed = {finding.rule for finding in report.findings if finding.verdict is Verdict.PASS}
    assert {"plan-deterministic", "native-agrees", "plan-reads-only", "converges", "refused"} <= passed
    if manifest.startswith("variants/"):  # what differs is how the house is read; a few cases are enough
        assert {finding.rule for finding in report.skipped} == {"effects-reached"}
        return
    said = f"declared, but used by no case: {NOT_IN_THE_DEMO[manifest]}"
    assert skipped(report) == [("effects-reached", said)]
    if manifest == "entity.yaml":
        assert {"observed-told", "inverse-restores", "repeatable"} <= passed
    else:
        assert "irreversible-declared" in passed
