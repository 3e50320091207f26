"""vmix.output on recorded answers."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.adapters.vmix.output import Output
from infrafabric.control.demo.simulator_state import Studio
from infrafabric.control.harness import play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest


@pytest.fixture
def plan(studio: Studio, output_manifest: Manifest) -> Any:
    def made(**intent: bool) -> Plan:
        return play(Output, intent, {"state": studio.document(0)}, manifest=output_manifest).plan

    return made


def test_starting_can_be_taken_back_and_stopping_cannot(plan: Any, studio: Studio) -> None:
    (change,) = plan(recording=True)
    assert (change.effect, change.inverse) == ("start_recording", Call("stop_recording"))
    studio.recording_since = 0.0
    (change,) = plan(recording=False)
    assert (change.effect, change.inverse) == ("stop_recording", None)


def test_only_the_named_stream_is_touched(plan: Any, studio: Studio, output_manifest: Manifest) -> None:
    studio.streams[0] = studio.streams[2] = True
    assert [change.effect for change in plan(stream_3=False, stream_1=True, stream_2=True)] == [
        "start_stream_2",
        "stop_stream_3",
    ]
    # vMix counts streams from 0
    assert output_manifest.effects["stop_stream_3"].query == {"Function": "StopStreaming", "Value": "2"}


def test_a_vmix_that_does_not_say_which_stream_runs_is_refused(studio: Studio) -> None:
    document = studio.document(0).replace("<streaming>False<", "<streaming>True<")
    with pytest.raises(Refuse, match="whether stream 2 runs"):
        play(Output, {"stream_2": True}, {"state": document})


def test_external_goes_both_ways(plan: Any, studio: Studio) -> None:
    studio.external = True
    (change,) = plan(external=False)
    assert change.inverse == Call("start_external")


def test_several_outputs_in_a_fixed_order(plan: Any) -> None:
    made = plan(multicorder=True, recording=True, external=True)
    assert [change.effect for change in made] == ["start_recording", "start_external", "start_multicorder"]


def test_nothing_wanted_is_refused(plan: Any) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        plan()


def test_what_ends_a_file_or_a_broadcast_is_destructive(output_manifest: Manifest) -> None:
    destructive = {name for name, effect in output_manifest.effects.items() if effect.destructive}
    streams = {f"stop_stream_{number}" for number in range(1, 6)}
    assert destructive == {"stop_recording", "stop_multicorder"} | streams
    for name in destructive:
        assert {"recording-stops", "stream-stops"} & set(output_manifest.effects[name].hazards)


def test_nothing_toggles(output_manifest: Manifest) -> None:
    functions = {str(effect.query.get("Function", "")) for effect in output_manifest.effects.values()}
    assert not {name for name in functions if name.startswith("StartStop")}


def test_what_is_seen_is_what_the_intent_names_also_where_nothing_is_to_do(plan: Any, studio: Studio) -> None:
    studio.streams[1] = True
    assert plan(recording=True, stream_2=True).observed == {"recording": False, "stream_2": True}
    assert plan(stream_2=True).observed == {"stream_2": True}
    assert not plan(stream_2=True)
