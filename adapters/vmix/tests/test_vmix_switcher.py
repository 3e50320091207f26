"""vmix.switcher on recorded answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.adapters.vmix.switcher import Switcher
from infrafabric.control.demo.simulator_state import Studio, standard_show
from infrafabric.control.harness import Played, perform, play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest


@pytest.fixture
def plan(studio: Studio, switcher_manifest: Manifest) -> Any:
    def made(**intent: Any) -> Plan:
        return play(Switcher, intent, {"state": studio.document(0)}, manifest=switcher_manifest).plan

    return made


def effects(plan: Plan) -> list[str]:
    return [change.effect for change in plan]


def test_a_cut_names_the_key_and_goes_back_to_the_former_program(plan: Any, studio: Studio) -> None:
    made = plan(scene="Intro")
    (change,) = made
    assert (change.effect, change.args) == ("cut", {"Input": studio.inputs[2].key})
    assert (change.before, change.after) == ({"program": "1 Camera 1"}, {"program": "3 Intro"})
    assert change.inverse == Call("cut", {"Input": studio.inputs[0].key})


def test_one_read_is_enough(studio: Studio) -> None:
    played: Played = play(Switcher, {"scene": "Intro"}, {"state": studio.document(0)})
    assert list(played.requests) == [{"read": "state", "args": {}}]


def test_what_is_so_already_needs_nothing(plan: Any) -> None:
    assert not plan(scene="Camera 1", preview="Camera 2", transition="fade").changes


def test_a_fade_sets_the_preview_again_and_has_a_default_length(plan: Any, studio: Studio) -> None:
    made = plan(scene="Intro", transition="fade")
    assert effects(made) == ["fade", "preview"]
    assert made.changes[0].args == {"Input": studio.inputs[2].key, "Duration": 500}
    assert made.changes[1].after == {"preview": "2 Camera 2"}
    assert made.changes[1].inverse == Call("preview", {"Input": studio.preview.key})


def test_the_wanted_preview_takes_the_place_of_the_former(plan: Any) -> None:
    assert plan(scene="Intro", preview="Guest", transition="merge").changes[1].after == {"preview": "7 Guest"}


def test_a_cut_takes_no_duration(plan: Any) -> None:
    with pytest.raises(Refuse, match="duration"):
        plan(scene="Intro", duration_ms=100)


def test_a_list_s_moving_title_stays_out_of_the_plan(plan: Any, studio: Studio) -> None:
    first = plan(scene="Adverts")
    studio.inputs[7].title = "Adverts - summer.mp4"
    assert plan(scene="Adverts").as_json() == first.as_json()


def test_fade_to_black_is_noted_where_something_changes(plan: Any, studio: Studio) -> None:
    studio.fade_to_black = True
    assert "faded to black" in plan(scene="Intro").note
    assert plan(scene="Camera 1").note == ""


@pytest.mark.parametrize(
    "intent", [{}, {"transition": "fade"}, {"scene": "Intro", "speed": 1}, {"scene": ""}, {"scene": 3}]
)
def test_intents_outside_the_schema_are_refused(plan: Any, intent: dict[str, Any]) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        plan(**intent)


def test_apply_waits_for_the_fade_before_it_sets_the_preview(plan: Any) -> None:
    done = perform(Switcher, plan(scene="Intro", transition="fade", duration_ms=2000))
    assert done.changes == ("change-1", "change-2")
    assert [sorted(request) for request in done.requests] == [["perform"], ["news", "wait"], ["perform"]]
    assert done.waited_s == pytest.approx(2.3)


def test_apply_of_a_cut_does_not_wait(plan: Any) -> None:
    assert perform(Switcher, plan(scene="Intro", preview="Guest")).waited_s == 0


def test_every_transition_of_the_intent_is_an_effect(switcher_manifest: Manifest) -> None:
    names = switcher_manifest.intent["properties"]["transition"]["enum"]
    assert set(names) | {"state", "preview"} == set(switcher_manifest.effects)
    functions = [effect.query.get("Function") for effect in switcher_manifest.effects.values() if not effect.is_read]
    assert len(set(functions)) == len(functions)


@given(
    program=st.integers(0, 8),
    preview=st.integers(0, 8),
    scene=st.none() | st.integers(0, 8),
    wanted=st.none() | st.integers(0, 8),
    transition=st.sampled_from(["cut", "fade"]),
)
def test_plans_hold_exactly_what_differs(
    program: int, preview: int, scene: int | None, wanted: int | None, transition: str
) -> None:
    if scene is None and wanted is None:
        return
    studio = standard_show()
    studio.program, studio.preview = studio.inputs[program], studio.inputs[preview]
    intent: dict[str, Any] = {"transition": transition}
    intent |= {} if scene is None else {"scene": studio.inputs[scene].title}
    intent |= {} if wanted is None else {"preview": studio.inputs[wanted].title}
    made = play(Switcher, intent, {"state": studio.document(0)}).plan
    takes = scene is not None and scene != program
    sets = (wanted is not None and wanted != preview) or (takes and transition == "fade")
    assert effects(made) == [transition] * takes + ["preview"] * sets
    for change in made:
        assert change.inverse is not None
