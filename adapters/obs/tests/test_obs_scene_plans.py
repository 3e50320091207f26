"""obs.scene on recorded answers."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.adapters.obs.scene import Scene
from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.control.harness import perform, play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest

Desk = Any
"""conftest.Desk: a conftest cannot be imported."""


@pytest.fixture
def plan(desk: Desk, scene_manifest: Manifest) -> Any:
    def made(**intent: Any) -> Plan:
        return play(Scene, intent, desk.answers, manifest=scene_manifest).plan

    return made


def effects(plan: Plan) -> list[str]:
    return [change.effect for change in plan]


def test_a_scene_by_the_current_transition(plan: Any) -> None:
    [change] = plan(scene="Main")
    assert (change.effect, change.args) == ("program", {"sceneName": "Main"})
    assert (change.before, change.after) == ({"program": "Intro"}, {"program": "Main"})
    assert change.inverse == Call("program", {"sceneName": "Intro"})


def test_a_fade_that_runs_is_no_program_yet(plan: Any, desk: Desk) -> None:
    desk.program, desk.on_air, desk.cursor = "Main", {"Intro", "Main"}, 0.4
    [change] = plan(scene="Main")
    assert change.before == {"program": "Main", "also_on_air": ["Intro"]}
    desk.on_air, desk.cursor = {"Main"}, 1.0
    assert not plan(scene="Main")
    assert plan(scene="Main").observed == {"program": "Main"}


def test_in_studio_mode_only_the_cursor_tells(plan: Any, desk: Desk) -> None:
    desk.program, desk.preview, desk.on_air, desk.cursor = "Main", "Intro", set(), 0.4
    assert effects(plan(scene="Main")) == ["preview", "program_in_studio_mode", "preview"]
    desk.cursor = 1.0
    assert not plan(scene="Main")


def test_what_the_program_contains_is_on_air_with_it(plan: Any, desk: Desk) -> None:
    desk.scenes += ["Camera", "Names", "Clock"]
    desk.contains = {
        "Intro": [("Camera", False), ("Box", True)],
        "Box": [("Names", False)],
        "Names": [("Intro", False)],
    }
    desk.on_air = {"Intro", "Camera", "Names"}
    assert not plan(scene="Intro")
    desk.on_air |= {"Clock"}
    assert plan(scene="Intro").observed == {"program": "Intro", "also_on_air": ["Clock"]}
    assert not plan(scene="Intro", also_on_air=["Clock"])


def test_a_transition_is_lent_to_the_scene_and_given_back(plan: Any, desk: Desk) -> None:
    desk.own["Main"] = ("Cut", None)
    lend, switch, back = plan(scene="Main", transition="Fade", duration_ms=900)
    assert lend.args == {"sceneName": "Main", "transitionName": "Fade", "transitionDuration": 900}
    assert switch.effect == "program"
    assert back.args == {"sceneName": "Main", "transitionName": "Cut", "transitionDuration": None}
    assert lend.inverse == Call("own_transition_set", dict(back.args))
    assert back.inverse == Call("own_transition_set", dict(lend.args))


@pytest.mark.parametrize(
    ("intent", "length"),
    [({"transition": "Fade"}, 300), ({"duration_ms": 80}, 80), ({"transition": "Cut"}, None)],
)
def test_what_is_not_said_is_what_obs_would_do(plan: Any, intent: dict[str, Any], length: int | None) -> None:
    lend = plan(scene="Main", **intent).changes[0]
    assert lend.args["transitionDuration"] == length


def test_turning_studio_mode_off_keeps_the_preview_for_an_undo(plan: Any, desk: Desk) -> None:
    desk.preview = "Outro"
    kept, off = plan(studio_mode=False)
    assert (kept.inverse, off.inverse) == (
        Call("preview", {"sceneName": "Outro"}),
        Call("studio_mode", {"studioModeEnabled": True}),
    )


@pytest.mark.parametrize(
    ("intent", "says"),
    [
        ({"scene": "main"}, "did you mean 'Main'"),
        ({"scene": "Nowhere"}, "there are 'Intro', 'Main', 'Outro'"),
        ({"preview": "Main"}, "studio mode is off"),
        ({"studio_mode": True, "transition": "Cut"}, "name the scene"),
        ({"scene": "Main", "transition": "Cut", "duration_ms": 100}, "a length of its own"),
    ],
)
def test_what_cannot_be_is_refused(plan: Any, intent: dict[str, Any], says: str) -> None:
    with pytest.raises(Refuse, match=says):
        plan(**intent)


def test_nothing_wanted_is_refused(plan: Any) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        plan(transition="Cut")


def test_a_long_transition_is_waited_for(plan: Any, desk: Desk, scene_manifest: Manifest) -> None:
    desk.transition = ("Fade", 9000)
    done = perform(Scene, plan(scene="Main"), desk.answers, manifest=scene_manifest)
    assert done.waited_s == pytest.approx(7.0)  # the rest is within settle_s
    desk.preview = "Outro"
    done = perform(Scene, plan(scene="Main"), desk.answers, manifest=scene_manifest)
    assert done.waited_s == pytest.approx(9.3)  # the preview is set when OBS has swapped it
    assert len(done.changes) == 3
    assert perform(Scene, plan(scene="Main"), desk.answers, dry_run=True, manifest=scene_manifest).waited_s == 0


def test_whatever_moves_the_program_is_live_output(scene_manifest: Manifest) -> None:
    live = {name for name, effect in scene_manifest.effects.items() if "live-output" in effect.hazards}
    assert live == {"program", "program_in_studio_mode", "studio_mode"}
