"""Reading vMix's state document: a real one, the simulator's, and what is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.adapters.sdk import Adapter, Host, Plan, Refuse
from infrafabric.adapters.vmix.vmix_state import State, fader, read_state
from infrafabric.control.demo.simulator_state import Studio, amplitude, standard_show
from infrafabric.control.harness import Failure, play


class _Reader(Adapter):
    """Keeps what it read, for the test to look at."""

    seen: State

    async def plan(self, intent: dict[str, object], host: Host) -> Plan:
        type(self).seen = await read_state(host)
        return Plan()


def read(document: str) -> State:
    play(_Reader, {}, {"state": document})
    return _Reader.seen


def test_reads_what_vmix_27_wrote(real_document: str) -> None:
    state = read(real_document)
    assert [(str(item), item.has_audio) for item in state.inputs] == [("1 Team A MIX", False), ("21 Left_Top", True)]
    assert state.program is state.preview is state.inputs[0]
    assert state.inputs[1].buses == ["M"]
    assert (state.flag("external"), state.flag("recording")) == (True, False)
    assert state.overlays() == dict.fromkeys(range(1, 9), None)
    assert state.streams() == dict.fromkeys(range(1, 6), False)
    assert {name: round(bus.fader) for name, bus in state.buses().items()} == {"master": 100, "A": 88, "B": 88}


@given(st.integers(0, 100))
def test_every_fader_step_survives_vmix_s_curve(step: int) -> None:
    assert abs(fader(amplitude(step)) - step) < 0.01


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<html><body>router login</body></html>",
        "<vmix><version>27.0.0.81</version><inputs>",
        "<other><vmix><version>27</version></vmix></other>",
        '<!DOCTYPE vmix [<!ENTITY a "b">]><vmix><version>27</version></vmix>',
        "<vmix><version>27</version><inputs/><active>1</active><preview>1</preview></vmix>",
        '<vmix><version>27</version><inputs><input key="k" number="one"/></inputs></vmix>',
    ],
)
def test_what_is_not_vmix_is_refused(document: str) -> None:
    with pytest.raises(Refuse, match=r"vMix"):
        read(document)


@pytest.mark.parametrize(("name", "value"), [("volume", "loud"), ("volume", "1e99"), ("balance", "left")])
def test_a_level_that_is_no_number_is_refused(studio: Studio, name: str, value: str) -> None:
    item = read(re.sub(rf'{name}="[^"]*"', f'{name}="{value}"', studio.document(0))).find("Music")
    with pytest.raises(Refuse, match=value):
        _ = item.fader, item.balance


def test_an_answer_without_a_body_is_refused() -> None:
    with pytest.raises(Refuse, match="not vMix"):
        play(_Reader, {}, {"state": {"status": 204}})


def test_a_target_that_says_no_ends_the_run() -> None:
    with pytest.raises(Exception, match="HTTP 401"):
        play(_Reader, {}, {"state": Failure(message="HTTP 401")})


def test_markup_in_a_title_is_a_title(studio: Studio) -> None:
    studio.add("Colour", "<recording>True</recording>", audio=False)
    state = read(studio.document(0))
    assert state.flag("recording") is False
    assert state.find("<recording>True</recording>").number == 10


def test_an_input_is_found_by_number_title_short_title_and_key(studio: Studio) -> None:
    state = read(studio.document(0))
    intro = state.inputs[2]
    adverts = state.inputs[7]
    assert state.find("3") is state.find("Intro") is state.find(intro.key) is state.find(intro.key.upper()) is intro
    assert state.find("Adverts") is state.find("Adverts - spring.mp4") is adverts


@pytest.mark.parametrize(
    ("wanted", "hint"), [("intro", "'Intro'"), ("Camra 1", "'Camera 1'"), ("xyzzy", "9 inputs"), ("10", "9 inputs")]
)
def test_an_unknown_input_is_refused_with_near_names(studio: Studio, wanted: str, hint: str) -> None:
    with pytest.raises(Refuse, match=hint):
        read(studio.document(0)).find(wanted)


@pytest.mark.parametrize("wanted", ["0", "-1"])
def test_vmix_s_words_for_preview_and_program_are_no_inputs(studio: Studio, wanted: str) -> None:
    with pytest.raises(Refuse, match="no input"):
        read(studio.document(0)).find(wanted)


def test_two_inputs_of_one_title_are_refused_with_their_numbers(studio: Studio) -> None:
    studio.add("Image", "Intro", audio=False)
    with pytest.raises(Refuse, match=r"3 Intro .*10 Intro"):
        read(studio.document(0)).find("Intro")


def test_a_title_that_is_another_input_s_number_is_refused(studio: Studio) -> None:
    studio.add("Image", "3", audio=False)
    with pytest.raises(Refuse, match=r"3 Intro .*10 3"):
        read(studio.document(0)).find("3")


def test_streams_without_channels_are_unknown_while_one_runs() -> None:
    document = standard_show().document(0)
    assert read(document.replace("<streaming>False<", "<streaming>True<")).streams()[1] is None
    assert read(document.replace("<streaming>False<", '<streaming channel2="True">True<')).streams() == {
        1: False, 2: True, 3: False, 4: False, 5: False,
    }  # fmt: skip


def test_a_previewed_overlay_is_not_on_program(studio: Studio) -> None:
    studio.overlays[1].shown, studio.overlays[1].preview = studio.inputs[3], True
    studio.overlays[2].shown = studio.inputs[3]
    shown = read(studio.document(0)).overlays()
    assert (str(shown[2]), str(shown[3])) == ("None", "4 Lower Third")
