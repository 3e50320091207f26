"""What goes wrong with a real OBS: a wrong password, OBS ended mid-apply, started again, standing still."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from obs_peer import ObsHouse

    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio
    from infrafabric.kernel.ask import Report

BACK_S = 2.0


async def later(seconds: float, do: object, *args: object) -> None:
    await asyncio.sleep(seconds)
    assert callable(do)
    await asyncio.to_thread(do, *args)


def driver_health(house: ObsHouse, target: str = "obs@studio") -> str:
    return house.house.kernel.parts.drivers["obs"].health()[target].state


async def test_a_wrong_password_has_a_code_of_its_own_and_is_not_tried_on(obs_house: ObsHouse, obs: ObsStudio) -> None:
    target = await obs_house.target("obs@wrong", obs.port, "not the password")
    report = await obs_house.act("scene", "apply", target, scene="Main")
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.TARGET_AUTH
    assert "password" in report.error.message and "not the password" not in str(report.error.as_json())
    assert driver_health(obs_house, target) == "refused"
    assert obs.program == "Intro"


async def test_obs_that_is_not_there_is_unreachable(obs_house: ObsHouse, obs: ObsStudio) -> None:
    obs.stop()
    report = await obs_house.act("scene", scene="Main")
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.TARGET_UNREACHABLE


async def test_obs_killed_during_a_fade_is_never_converged(obs_house: ObsHouse, obs: ObsStudio) -> None:
    obs.call("SetCurrentSceneTransitionDuration", transitionDuration=3000)
    hand = asyncio.ensure_future(later(0.8, obs.stop, signal.SIGKILL))
    report = await obs_house.act("scene", scene="Main")
    await hand
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is Code.TARGET_UNREACHABLE  # the write was answered, and nothing can be seen since


async def test_a_write_that_obs_took_to_its_grave_is_in_doubt(obs_house: ObsHouse, obs: ObsStudio) -> None:
    """OBS stands still when the write is sent, and is killed before it answers."""

    def freezes(action: str, station: Station) -> None:
        if station is Station.INTENDED:
            obs.freeze()

    acting = asyncio.ensure_future(obs_house.act("output", recording=True, watcher=freezes))
    await asyncio.to_thread(obs.until_frozen)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(obs.stop, signal.SIGKILL)
    report = await acting
    assert report.error is not None
    if report.error.code is Code.TARGET_UNREACHABLE:
        # So slow a machine that the connection had to be proven first: then nothing was sent, and that is said.
        assert report.outcome is Outcome.FAILED
        if obs_house.results(report.action) == ["answered"]:
            pytest.skip("this OBS answered before it was stopped: nothing was taken to its grave")
        assert obs_house.results(report.action) == ["not_sent"]
        return
    assert (report.outcome, report.error.code) == (Outcome.IN_DOUBT, Code.IN_DOUBT)


async def test_obs_started_again_between_plan_and_apply(obs_house: ObsHouse, obs: ObsStudio) -> None:
    planned = await obs_house.act("scene", "plan", scene="Main", transition="Cut")
    assert planned.plan is not None and planned.plan.changes
    await asyncio.to_thread(obs.stop)
    await asyncio.to_thread(obs.start)
    report = await obs_house.act("scene", scene="Main", transition="Cut")
    assert report.outcome is Outcome.CONVERGED
    assert obs.on_air() == {"Main"}


async def test_obs_is_found_again_within_two_seconds_of_its_being_back(obs_house: ObsHouse, obs: ObsStudio) -> None:
    await obs_house.act("source", source="Music", muted=False)
    assert driver_health(obs_house) == "up"
    await asyncio.to_thread(obs.stop, signal.SIGKILL)
    for _ in range(3):  # it is asked for while it is away: that is no reason to be late afterwards
        away = await obs_house.act("source", source="Music", muted=True)
        assert away.error is not None and away.error.code is Code.TARGET_UNREACHABLE
    await asyncio.to_thread(obs.start)
    back = time.monotonic()
    while driver_health(obs_house) != "up":
        assert time.monotonic() - back < BACK_S
        await asyncio.sleep(0.02)
    assert (await obs_house.act("source", source="Music", muted=True)).outcome is Outcome.CONVERGED


async def test_obs_that_stands_still_is_given_up_at_the_deadline(obs_house: ObsHouse, obs: ObsStudio) -> None:
    await obs_house.act("scene", scene="Intro")
    obs.freeze()
    began = time.monotonic()
    try:
        report = await obs_house.act("scene", scene="Main")
    finally:
        obs.thaw()
    assert time.monotonic() - began < 12
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code in (Code.TARGET_TIMEOUT, Code.TARGET_LOST, Code.TARGET_UNREACHABLE)
    assert obs.program == "Intro"


async def test_two_kernels_on_one_scene(obs_house: ObsHouse, second_obs_house: ObsHouse, obs: ObsStudio) -> None:
    """Neither knows of the other. Whoever says converged last is right, and nobody else says so falsely."""
    seen: list[tuple[float, str]] = []

    async def act(house: ObsHouse, scene: str) -> Report:
        report = await house.act("scene", scene=scene, transition="Fade", duration_ms=700)
        if report.outcome is Outcome.CONVERGED:
            seen.append((time.monotonic(), scene))
        return report

    reports = await asyncio.gather(act(obs_house, "Main"), act(second_obs_house, "Outro"))
    codes = {report.error.code for report in reports if report.error is not None}
    assert codes <= {Code.CONTESTED, Code.NOT_CONVERGED, Code.PLAN_STALE}
    obs.until(lambda: not obs.snapshot()["in_transition"])
    assert seen and obs.on_air() == {max(seen)[1]}
