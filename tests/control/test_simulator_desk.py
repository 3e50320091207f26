"""What the simulated vMix does to its studio, on a clock that the test turns."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.control.demo.simulator_actions import ACTIONS, known_functions, perform
from infrafabric.control.demo.simulator_desk import TRANSITIONS, Desk
from infrafabric.control.demo.simulator_state import amplitude, snapshot, standard_show


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(standard_show(), clock, overlay_ms=300)


def on_air(desk: Desk) -> tuple[str, str]:
    desk.advance()
    return desk.studio.program.title, desk.studio.preview.title


def test_717_listed_names_are_known_and_every_action_has_a_known_name() -> None:
    assert len(known_functions()) == 717 + 4 * 7 + len(set(TRANSITIONS) - {"Cut", "Fade", "Merge"})
    assert set(ACTIONS) <= known_functions()


def test_unknown_function_is_refused(desk: Desk) -> None:
    assert perform(desk, "LaunchRocket", {}) is False


def test_known_function_with_missing_input_succeeds_and_does_nothing(desk: Desk) -> None:
    before = snapshot(desk.studio)
    assert perform(desk, "Cut", {"Input": "No such input"}) is True
    assert perform(desk, "OverlayInput1In", {"Input": "99"}) is True
    assert snapshot(desk.studio) == before


def test_cut_swaps_program_and_preview_and_cut_direct_leaves_preview(desk: Desk) -> None:
    perform(desk, "Cut", {"Input": "3"})
    assert on_air(desk) == ("Intro", "Camera 1")
    perform(desk, "CutDirect", {"Input": "Black"})
    assert on_air(desk) == ("Black", "Camera 1")


def test_inputs_are_found_by_number_title_key_preview_and_program(desk: Desk) -> None:
    studio = desk.studio
    assert studio.find("3") is studio.find("Intro") is studio.find(studio.inputs[2].key)
    assert studio.find("0") is studio.preview
    assert studio.find("-1") is studio.program
    assert studio.find("intro") is None  # titles are case-sensitive


@pytest.mark.parametrize("effect", sorted(set(TRANSITIONS) - {"Cut"}))
def test_transition_shows_only_when_it_is_over(desk: Desk, clock: Clock, effect: str) -> None:
    perform(desk, effect, {"Input": "Intro", "Duration": "1000"})
    clock.now += 0.9
    assert on_air(desk) == ("Camera 1", "Camera 2")
    clock.now += 0.2
    assert on_air(desk) == ("Intro", "Camera 1")


def test_a_cut_completes_the_transition_under_way(desk: Desk) -> None:
    perform(desk, "Fade", {"Input": "Intro", "Duration": "5000"})
    perform(desk, "Cut", {"Input": "Black"})
    assert on_air(desk) == ("Black", "Intro")


def test_transition_buttons_use_their_settings(desk: Desk, clock: Clock) -> None:
    perform(desk, "SetTransitionDuration2", {"Value": "2000"})
    perform(desk, "Transition2", {})
    clock.now += 1.9
    assert on_air(desk)[0] == "Camera 1"
    clock.now += 0.2
    assert on_air(desk)[0] == "Camera 2"


def test_overlay_in_and_out_take_their_time_and_off_does_not(desk: Desk, clock: Clock) -> None:
    channel = desk.studio.overlays[0]
    perform(desk, "OverlayInput1In", {"Input": "Lower Third"})
    assert channel.shown is None
    clock.now += 0.31
    desk.advance()
    assert channel.shown is desk.studio.find("Lower Third")
    perform(desk, "OverlayInput1Out", {})
    assert channel.shown is not None
    perform(desk, "OverlayInput1Off", {})
    assert channel.shown is None


def test_overlay_in_twice_stays_in_and_the_bare_name_toggles(desk: Desk, clock: Clock) -> None:
    channel = desk.studio.overlays[1]
    for function in ("OverlayInput2In", "OverlayInput2In", "OverlayInput2"):
        perform(desk, function, {"Input": "4"})
        clock.now += 1
        desk.advance()
    assert channel.shown is None


@pytest.mark.parametrize(("fader", "reported"), [(88, "59.96953"), (93, "74.80521"), (100, "100"), (0, "0")])
def test_volume_is_reported_as_amplitude_the_way_recorded_documents_have_it(fader: float, reported: str) -> None:
    assert amplitude(fader) == reported


def test_volume_steps_fades_and_limits(desk: Desk, clock: Clock) -> None:
    music = desk.studio.find("Music")
    assert music is not None
    perform(desk, "SetVolume", {"Input": "Music", "Value": "+=15"})
    assert music.volume == 75
    perform(desk, "SetVolumeFade", {"Input": "Music", "Value": "25,1000"})
    clock.now += 0.5
    desk.advance()
    assert music.volume == pytest.approx(50)
    clock.now += 5
    desk.advance()
    assert music.volume == 25
    perform(desk, "SetVolume", {"Input": "Music", "Value": "900"})
    assert music.volume == 100


def test_inputs_without_sound_ignore_audio(desk: Desk) -> None:
    before = snapshot(desk.studio)
    for function in ("AudioOff", "SoloOn", "AudioBusOff", "SetVolume"):
        perform(desk, function, {"Input": "Black", "Value": "M"})
    assert snapshot(desk.studio) == before
    document = ET.fromstring(desk.studio.document(0))  # noqa: S314
    assert "volume" not in document.findall("inputs/input")[8].attrib


def test_streams_are_numbered_from_zero_and_all_without_a_number(desk: Desk) -> None:
    perform(desk, "StartStreaming", {"Value": "2"})
    assert desk.studio.streams == [False, False, True, False, False]
    assert 'channel3="True"' in desk.studio.document(0)
    perform(desk, "StopStreaming", {})
    assert desk.studio.streams == [False] * 5
    assert "<streaming>False</streaming>" in desk.studio.document(0)


def test_meters_move_at_every_read_and_nothing_else_does(desk: Desk) -> None:
    before = snapshot(desk.studio)
    first, second = desk.studio.document(0), desk.studio.document(0)
    assert first != second
    assert snapshot(desk.studio) == before


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(known_functions())),
            st.fixed_dictionaries(
                {},
                optional={
                    "Input": st.sampled_from(["", "0", "-1", "3", "4", "Music", "nowhere"]) | st.text(max_size=8),
                    "Value": st.sampled_from(["M", "A", "1", "50", "+=5", "30,200", "Fade"]) | st.text(max_size=8),
                    "Duration": st.sampled_from(["0", "700", "-4"]) | st.text(max_size=5),
                    "SelectedIndex": st.sampled_from(["0", "1", "7"]),
                },
            ),
            st.floats(0, 3),
        ),
        max_size=30,
    )
)
def test_no_sequence_of_known_functions_fails_or_breaks_the_document(
    steps: list[tuple[str, dict[str, str], float]],
) -> None:
    clock = Clock()
    desk = Desk(standard_show(), clock)
    for function, query, pause in steps:
        assert perform(desk, function, query) is True
        clock.now += pause
        desk.advance()
    document = ET.fromstring(desk.studio.document(clock.now))  # noqa: S314
    numbers = range(1, len(desk.studio.inputs) + 1)
    assert int(document.findtext("active", "")) in numbers
    assert int(document.findtext("preview", "")) in numbers
    for item in desk.studio.inputs:
        assert 0 <= item.volume <= 100
        assert -1 <= item.balance <= 1
