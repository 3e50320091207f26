"""vmix.overlay on recorded answers."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.adapters.vmix.overlay import Overlay
from infrafabric.control.demo.simulator_state import Studio
from infrafabric.control.harness import play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest


@pytest.fixture
def plan(studio: Studio, overlay_manifest: Manifest) -> Any:
    def made(channel: int, shown: str | None) -> Plan:
        intent = {"channel": channel, "input": shown}
        return play(Overlay, intent, {"state": studio.document(0)}, manifest=overlay_manifest).plan

    return made


def test_shows_by_in_and_takes_back_by_out(plan: Any, studio: Studio) -> None:
    (change,) = plan(1, "Lower Third")
    assert (change.effect, change.args) == ("in_1", {"Input": studio.inputs[3].key})
    assert (change.before, change.after) == ({"overlay 1": "off"}, {"overlay 1": "4 Lower Third"})
    assert change.inverse == Call("out_1")


def test_another_input_is_put_back_by_its_key(plan: Any, studio: Studio) -> None:
    studio.overlays[2].shown = studio.inputs[4]
    (change,) = plan(3, "Lower Third")
    assert change.inverse == Call("in_3", {"Input": studio.inputs[4].key})
    (change,) = plan(3, None)
    assert (change.effect, change.args, change.after) == ("out_3", {}, {"overlay 3": "off"})


def test_nothing_to_do(plan: Any, studio: Studio) -> None:
    studio.overlays[0].shown = studio.inputs[3]
    assert not plan(1, "4")
    assert not plan(2, None)


def test_an_overlay_on_preview_only_counts_as_off(plan: Any, studio: Studio) -> None:
    studio.overlays[0].shown, studio.overlays[0].preview = studio.inputs[3], True
    assert not plan(1, None)
    assert [change.effect for change in plan(1, "Lower Third")] == ["in_1"]


def test_a_channel_that_this_vmix_lacks_is_refused(plan: Any, studio: Studio) -> None:
    studio.overlays = studio.overlays[:4]
    with pytest.raises(Refuse, match=r"no overlay channel 5; it shows 1, 2, 3, 4"):
        plan(5, "Lower Third")


@pytest.mark.parametrize("channel", [0, 9, True, "1"])
def test_channels_are_numbers_from_1_to_8(plan: Any, channel: Any) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        plan(channel, None)


def test_no_function_that_toggles_is_declared(overlay_manifest: Manifest) -> None:
    functions = {effect.query["Function"] for effect in overlay_manifest.effects.values() if not effect.is_read}
    assert functions == {f"OverlayInput{n}{verb}" for n in range(1, 9) for verb in ("In", "Out")}


def test_what_is_seen_tells_another_hand_s_preview(plan: Any, studio: Studio) -> None:
    overlay, key = studio.overlays[0], studio.inputs[3].key
    off = plan(1, None)
    assert (off.changes, off.observed) == ((), {"shown": "off", "previewed": "off"})
    overlay.shown, overlay.preview = studio.inputs[3], True
    assert plan(1, None).observed == {"shown": "off", "previewed": key}
    overlay.preview = False
    assert plan(1, "Lower Third").observed == plan(1, None).observed == {"shown": key, "previewed": "off"}
