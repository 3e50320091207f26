"""obs.scene through the whole kernel on a real OBS, seen by an independent client."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness.verify import verify_receipt

if TYPE_CHECKING:
    from obs_peer import ObsHouse

    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio


async def later(seconds: float, do: Any, *args: Any, **data: Any) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(do, *args, **data)


async def test_a_scene_comes_on_program_and_goes_again(obs_house: ObsHouse, obs: ObsStudio) -> None:
    before = obs.snapshot()
    planned = await obs_house.act("scene", "plan", scene="Main")
    assert planned.plan is not None and [change.effect for change in planned.plan.changes] == ["program"]
    dry = await obs_house.act("scene", "dry_run", scene="Main")
    assert dry.error is None and obs.snapshot() == before

    report = await obs_house.act("scene", scene="Main")
    assert (report.outcome, report.error) == (Outcome.CONVERGED, None)
    assert (obs.program, obs.on_air()) == ("Main", {"Main"})  # the fade is over: Intro is off the air
    assert report.requests == (f'obs://127.0.0.1:{obs.port}  SetCurrentProgramScene  {{"sceneName": "Main"}}',)
    assert report.receipt is not None
    assert verify_receipt(report.receipt, [obs_house.house.log.vkey]).action == report.action
    assert obs.password not in report.receipt.decode()

    again = await obs_house.act("scene", scene="Main")
    assert again.outcome is Outcome.CONVERGED and again.plan is not None and not again.plan.changes

    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert obs.snapshot() == before


async def test_a_transition_by_name_leaves_the_operator_s_choice_alone(obs_house: ObsHouse, obs: ObsStudio) -> None:
    before = obs.snapshot()
    report = await obs_house.act("scene", scene="Outro", transition="Fade", duration_ms=900)
    assert report.outcome is Outcome.CONVERGED
    after = obs.snapshot()
    assert after == {**before, "program": "Outro", "on_air": ["Outro"]}
    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert obs.snapshot() == before


async def test_a_cut_is_there_at_once(obs_house: ObsHouse, obs: ObsStudio) -> None:
    obs.call("SetCurrentSceneTransitionDuration", transitionDuration=20_000)
    async with asyncio.timeout(4):
        report = await obs_house.act("scene", scene="Main", transition="Cut")
    assert report.outcome is Outcome.CONVERGED
    assert obs.on_air() == {"Main"}


async def test_converged_means_that_the_fade_is_over(obs_house: ObsHouse, obs: ObsStudio) -> None:
    acting = asyncio.ensure_future(obs_house.act("scene", scene="Main", transition="Fade", duration_ms=1500))
    await asyncio.to_thread(obs.until, lambda: obs.program == "Main")
    assert not acting.done() and obs.on_air() == {"Intro", "Main"}  # OBS names Main already, and shows both
    assert (await acting).outcome is Outcome.CONVERGED
    assert obs.on_air() == {"Main"}


async def test_a_fade_longer_than_the_settle_time_is_waited_for(obs_house: ObsHouse, obs: ObsStudio) -> None:
    report = await obs_house.act("scene", scene="Main", transition="Fade", duration_ms=3800)
    assert report.outcome is Outcome.CONVERGED
    assert obs.on_air() == {"Main"}


async def test_another_hand_s_scene_during_a_fade_is_no_success(obs_house: ObsHouse, obs: ObsStudio) -> None:
    obs.call("SetCurrentSceneTransitionDuration", transitionDuration=1000)
    hand = asyncio.ensure_future(later(0.5, obs.call, "SetCurrentProgramScene", sceneName="Outro"))
    report = await obs_house.act("scene", scene="Main")
    await hand
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is Code.CONTESTED
    assert '{"program":"Outro"}' in report.error.message
    assert report.remains is not None and report.remains.changes[0].before == {"program": "Outro"}
    assert obs.on_air() == {"Outro"}


async def test_a_transition_exchanged_in_its_course_is_no_success(obs_house: ObsHouse, obs: ObsStudio) -> None:
    """OBS then names the new scene and goes on showing both."""
    obs.call("SetCurrentSceneTransitionDuration", transitionDuration=1000)
    hand = asyncio.ensure_future(later(0.4, obs.call, "SetCurrentSceneTransition", transitionName="Cut"))
    report = await obs_house.act("scene", scene="Main")
    await hand
    assert (obs.program, obs.on_air()) == ("Main", {"Intro", "Main"})
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is Code.CONTESTED
    assert '{"also_on_air":["Intro"],"program":"Main"}' in report.error.message


async def test_an_undo_does_not_take_over_another_hand_s_scene(obs_house: ObsHouse, obs: ObsStudio) -> None:
    report = await obs_house.act("scene", scene="Main", transition="Cut")
    obs.call("SetCurrentProgramScene", sceneName="Outro")
    obs.until(lambda: obs.on_air() == {"Outro"})
    undone = await obs_house.undo(report)
    assert undone.error is not None and undone.error.code is Code.UNDO_MOVED
    assert obs.program == "Outro"


NAMES = ['He said "hi"', "🎬 Opening 🚀 / ☃", "x" * 500, "intro", "INTRO", "back\\slash\nand line", " Main ", "{scene}"]


async def test_names_that_are_hard_to_carry(obs_house: ObsHouse, obs: ObsStudio) -> None:
    for name in NAMES:
        obs.call("CreateScene", sceneName=name)
    for name in NAMES:
        report = await obs_house.act("scene", scene=name, transition="Cut")
        assert report.outcome is Outcome.CONVERGED, name
        assert (obs.program, obs.on_air()) == (name, {name})
    report = await obs_house.act("scene", scene="iNTRO")
    assert report.error is not None and report.error.code is Code.ADAPTER_REFUSED
    assert "did you mean" in report.error.message


async def test_program_and_preview_in_studio_mode(obs_house: ObsHouse, obs: ObsStudio) -> None:
    obs.call("SetStudioModeEnabled", studioModeEnabled=True)
    obs.call("SetCurrentPreviewScene", sceneName="Outro")
    obs.until(lambda: obs.snapshot()["preview"] == "Outro")
    before = obs.snapshot()
    report = await obs_house.act("scene", scene="Main")
    assert report.outcome is Outcome.CONVERGED
    assert obs.snapshot() == {**before, "program": "Main"}  # OBS swapped the preview; it is as it was
    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert obs.snapshot() == before


async def test_a_switch_waits_for_a_fade_in_studio_mode(obs_house: ObsHouse, obs: ObsStudio) -> None:
    """OBS would take the switch, name the scene, and show the other one for good."""
    obs.call("SetStudioModeEnabled", studioModeEnabled=True)
    obs.call("SetCurrentSceneTransitionDuration", transitionDuration=1200)
    obs.call("SetCurrentProgramScene", sceneName="Outro")
    report = await obs_house.act("scene", scene="Main")
    assert report.outcome is Outcome.CONVERGED
    obs.call("SetStudioModeEnabled", studioModeEnabled=False)
    obs.until(lambda: obs.on_air() == {"Main"})


async def test_two_talents_on_one_scene_end_in_one_order(obs_house: ObsHouse, obs: ObsStudio) -> None:
    one, two = await asyncio.gather(
        obs_house.act("scene", scene="Main", transition="Cut"), obs_house.act("scene", scene="Outro", transition="Cut")
    )
    assert (one.outcome, two.outcome) == (Outcome.CONVERGED, Outcome.CONVERGED)
    assert obs.on_air() == {"Outro"}


@pytest.mark.parametrize("intent", [{"scene": "Nowhere"}, {"scene": "Main", "transition": "Star Wipe"}])
async def test_what_is_not_there_is_refused_and_nothing_sent(
    obs_house: ObsHouse, obs: ObsStudio, intent: dict[str, Any]
) -> None:
    before = obs.snapshot()
    report = await obs_house.act("scene", **intent)
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.ADAPTER_REFUSED
    assert obs.snapshot() == before
    assert json.dumps(report.error.as_json())
