"""The vMix adapters on recorded answers, natively and in the sandbox: the same plan, the same refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import infrafabric.adapters.vmix as package
from infrafabric.adapters.sdk import Refuse
from infrafabric.adapters.vmix.audio import Audio
from infrafabric.adapters.vmix.output import Output
from infrafabric.adapters.vmix.overlay import Overlay
from infrafabric.adapters.vmix.switcher import Switcher
from infrafabric.control.demo.simulator_state import standard_show
from infrafabric.control.harness import play
from infrafabric.control.harness.sandboxed import play_sandboxed
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

FOLDER = Path(package.__file__).parent
REAL = (FOLDER / "tests" / "data" / "state-27.0.0.81.xml").read_text("utf-8")


@pytest.mark.parametrize(
    ("adapter", "intent"),
    [
        (Switcher, {"scene": "Intro", "transition": "fade", "preview": "Guest"}),
        (Overlay, {"channel": 3, "input": "Lower Third"}),
        (Audio, {"input": "Camera 2", "volume": 40, "buses": ["A"], "balance": 0.5}),
        (Output, {"recording": True, "stream_2": True}),
    ],
)
async def test_sandbox_and_native_plan_the_same(adapter: Any, intent: dict[str, Any], chassis: Chassis) -> None:
    answers = {"state": standard_show().document(0)}
    file = f"{adapter.__name__.lower()}.yaml"
    there = await play_sandboxed(chassis, FOLDER, file, intent, answers)
    here = play(adapter, intent, answers)
    assert there.plan.as_json() == here.plan.as_json()
    assert there.requests == here.requests
    assert there.plan


async def test_the_real_document_is_read_in_the_sandbox(chassis: Chassis) -> None:
    played = await play_sandboxed(chassis, FOLDER, "switcher.yaml", {"scene": "Left_Top"}, {"state": REAL})
    assert [change.after for change in played.plan] == [{"program": "21 Left_Top"}]


async def test_a_refusal_reads_the_same(chassis: Chassis) -> None:
    with pytest.raises(Refuse) as here:
        play(Switcher, {"scene": "left"}, {"state": REAL})
    with pytest.raises(FabricError) as there:
        await play_sandboxed(chassis, FOLDER, "switcher.yaml", {"scene": "left"}, {"state": REAL})
    assert there.value.code is Code.ADAPTER_REFUSED
    assert str(here.value) in there.value.message
