"""vmix.audio on recorded answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.adapters.vmix.audio import Audio
from infrafabric.control.demo.simulator_state import Studio, standard_show
from infrafabric.control.harness import play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest


@pytest.fixture
def plan(studio: Studio, audio_manifest: Manifest) -> Any:
    def made(**intent: Any) -> Plan:
        return play(Audio, intent, {"state": studio.document(0)}, manifest=audio_manifest).plan

    return made


def test_volume_is_a_fader_position_and_goes_back_to_the_former_one(plan: Any, studio: Studio) -> None:
    (change,) = plan(input="Camera 2", volume=40)
    key = studio.inputs[1].key
    assert (change.effect, change.args) == ("set_volume", {"Input": key, "Value": 40})
    assert (change.before, change.after) == ({"volume": 88}, {"volume": 40})
    assert change.inverse == Call("set_volume", {"Input": key, "Value": 88})


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_step_is_planned_exactly_where_it_differs(now: int, wanted: int) -> None:
    studio = standard_show()
    studio.inputs[5].volume = now
    made = play(Audio, {"input": "Music", "volume": wanted}, {"state": studio.document(0)}).plan
    assert bool(made) == (now != wanted)


@pytest.mark.parametrize(("fader", "changes"), [(79.6, 0), (80.4, 0), (79.4, 1), (80.6, 1)])
def test_a_fader_between_steps_counts_as_the_nearer_one(plan: Any, studio: Studio, fader: float, changes: int) -> None:
    studio.inputs[5].volume = fader
    assert len(plan(input="Music", volume=80).changes) == changes


def test_mute_and_its_inverse(plan: Any) -> None:
    (change,) = plan(input="Guest", muted=False)
    assert (change.effect, change.inverse.effect) == ("unmute", "mute")
    assert (change.before, change.after) == ({"muted": True}, {"muted": False})


def test_buses_are_the_whole_set(plan: Any) -> None:
    made = plan(input="Music", buses=["M", "B"])
    assert [(change.effect, change.inverse.effect) for change in made] == [
        ("unroute_a", "route_a"),
        ("route_b", "unroute_b"),
    ]


def test_balance_is_taken_to_two_places(plan: Any, studio: Studio) -> None:
    studio.inputs[5].balance = 0.251
    assert not plan(input="Music", balance=0.25)
    (change,) = plan(input="Music", balance=-1)
    assert change.inverse.args["Value"] == 0.25


def test_master_and_bus(plan: Any) -> None:
    assert [change.effect for change in plan(bus="master", muted=True, volume=10)] == [
        "mute_master",
        "set_master_volume",
    ]
    (change,) = plan(bus="B", send_to_master=True)
    assert (change.effect, change.args, change.inverse.effect) == ("bus_to_master", {"Value": "B"}, "bus_off_master")


def test_a_bus_that_is_off_in_vmix_is_refused(plan: Any) -> None:
    with pytest.raises(Refuse, match="bus F is not switched on"):
        plan(bus="F", muted=True)


def test_an_input_without_audio_is_refused(plan: Any) -> None:
    with pytest.raises(Refuse, match="9 Black has no audio"):
        plan(input="Black", muted=True)


def test_an_input_that_does_not_report_solo_is_refused(plan: Any, studio: Studio) -> None:
    document = studio.document(0).replace(' solo="False" soloPFL="False"', "")
    with pytest.raises(Refuse, match="does not report 'solo'"):
        play(Audio, {"input": "Music", "solo": True}, {"state": document})


@pytest.mark.parametrize(
    "intent",
    [
        {"input": "Music"},
        {"muted": True},
        {"input": "Music", "bus": "A", "muted": True},
        {"input": "Music", "volume": 101},
        {"input": "Music", "volume": 50.5},
        {"input": "Music", "balance": 2},
        {"input": "Music", "buses": ["M", "M"]},
        {"bus": "H", "muted": True},
    ],
)
def test_intents_outside_the_schema_are_refused(plan: Any, intent: dict[str, Any]) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        plan(**intent)


def test_whatever_the_audience_hears_is_live_output(audio_manifest: Manifest) -> None:
    quiet = {name for name, effect in audio_manifest.effects.items() if "live-output" not in effect.hazards}
    assert quiet == {"state", "solo", "unsolo", "solo_bus", "unsolo_bus"}


def test_what_is_seen_is_what_the_intent_names_also_where_nothing_is_to_do(plan: Any, studio: Studio) -> None:
    key = studio.inputs[5].key
    assert plan(input="Music", muted=True).observed == {"strip": key, "muted": False}
    made = plan(input="Music", volume=60, balance=0, buses=["M", "A"], solo=False)
    seen = {"strip": key, "volume": 60.0, "balance": 0.0, "buses": ["M", "A"], "solo": False}
    assert (made.changes, made.observed) == ((), seen)
    assert plan(bus="B", send_to_master=False).observed == {"strip": "B", "send_to_master": False}
    assert plan(bus="master", volume=100).observed == {"strip": "master", "volume": 100.0}


@given(st.integers(1, 100), st.sampled_from([-0.4, -0.2, -0.1, 0.1, 0.2, 0.4]))
def test_a_hand_s_move_within_a_step_is_seen(step: int, by: float) -> None:
    studio = standard_show()

    def look(fader: float) -> Plan:
        studio.inputs[5].volume = fader
        return play(Audio, {"input": "Music", "volume": step}, {"state": studio.document(0)}).plan

    assert look(step).observed == look(step).observed == {"strip": studio.inputs[5].key, "volume": step}
    moved = look(min(step + by, 99.7))
    assert not moved
    assert moved.observed != look(step).observed
