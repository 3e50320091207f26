"""obs.source through the whole kernel on a real OBS, seen by an independent client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from obs_peer import ObsHouse

    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio


def settings(obs: ObsStudio, name: str) -> Any:
    return obs.call("GetInputSettings", inputName=name)["inputSettings"]


async def test_a_lower_third_is_written_shown_and_taken_back(obs_house: ObsHouse, obs: ObsStudio) -> None:
    obs.call("SetSceneItemEnabled", sceneName="Intro", sceneItemId=1, sceneItemEnabled=False)
    before = obs.snapshot()
    text = 'Ann-Sofie "Å" O’Neill 🎤\nline two'
    report = await obs_house.act("source", source="Title", scene="Intro", visible=True, text=text)
    assert report.outcome is Outcome.CONVERGED
    assert settings(obs, "Title")["text"] == text
    assert obs.snapshot()["items"]["Intro"] == [[1, "Title", True]]
    assert {"live-output"} <= set(report.hazards)
    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert obs.snapshot() == before


async def test_mute_and_volume(obs_house: ObsHouse, obs: ObsStudio) -> None:
    before = obs.snapshot()
    report = await obs_house.act("source", source="Music", muted=True, volume_db=-12.5)
    assert report.outcome is Outcome.CONVERGED
    assert obs.call("GetInputMute", inputName="Music") == {"inputMuted": True}
    assert obs.call("GetInputVolume", inputName="Music")["inputVolumeDb"] == pytest.approx(-12.5, abs=0.001)
    again = await obs_house.act("source", source="Music", muted=True, volume_db=-12.5)
    assert again.plan is not None and not again.plan.changes
    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert obs.snapshot() == before


async def test_settings_have_a_hazard_of_their_own_and_go_back_exactly(obs_house: ObsHouse, obs: ObsStudio) -> None:
    before = settings(obs, "Music")
    report = await obs_house.act("source", source="Music", settings={"local_file": "nowhere.mp3", "looping": True})
    assert report.outcome is Outcome.CONVERGED
    assert {"source-settings", "live-output"} <= set(report.hazards)
    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert settings(obs, "Music") == before


async def test_an_undo_does_not_put_back_what_another_hand_has_set_since(obs_house: ObsHouse, obs: ObsStudio) -> None:
    report = await obs_house.act("source", source="Music", settings={"local_file": "nowhere.mp3"})
    obs.call("SetInputSettings", inputName="Music", inputSettings={"looping": True})
    undone = await obs_house.undo(report)
    assert undone.error is not None and undone.error.code is Code.UNDO_MOVED
    assert settings(obs, "Music") == {"local_file": "nowhere.mp3", "looping": True}


async def test_a_source_that_a_scene_holds_twice_needs_its_number(obs_house: ObsHouse, obs: ObsStudio) -> None:
    number = obs.call("CreateSceneItem", sceneName="Intro", sourceName="Title")["sceneItemId"]
    try:
        report = await obs_house.act("source", source="Title", scene="Intro", visible=False)
        assert report.error is not None and report.error.code is Code.ADAPTER_REFUSED
        assert f"1, {number}" in report.error.message
        report = await obs_house.act("source", source="Title", scene="Intro", item=number, visible=False)
        assert report.outcome is Outcome.CONVERGED
        assert [item[2] for item in obs.snapshot()["items"]["Intro"]] == [True, False]
    finally:
        obs.call("RemoveSceneItem", sceneName="Intro", sceneItemId=number)
