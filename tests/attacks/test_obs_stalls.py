"""An OBS that takes requests and never answers, or never finishes its opening: given up at the deadline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig


async def test_no_answer(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def silent(double: ObsDouble, connection: Any, request: Any) -> bool:
        return bool(request["requestType"] == "SetCurrentProgramScene")

    obs_double.misbehave = silent
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("program", 0.5, sceneName="Main")
    assert caught.value.code is Code.TARGET_TIMEOUT
    assert (await obs_rig.perform("scenes")).ok  # its late answer, should it come, names its request
    assert obs_double.connections == 1


async def test_an_answer_that_comes_too_late_is_no_other_s(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    held: list[tuple[Any, Any]] = []

    async def late(double: ObsDouble, connection: Any, request: Any) -> bool:
        if request["requestType"] == "SetCurrentProgramScene":
            held.append((connection, request))
            return True
        for before, asked in held:
            await double.answer(before, asked, 600)
        return False

    obs_double.misbehave = late
    with pytest.raises(FabricError):
        await obs_rig.perform("program", 0.3, sceneName="Main")
    assert (await obs_rig.perform("scenes")).value["response"]["currentProgramSceneName"] == "Intro"


async def test_no_greeting(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def mute(connection: Any) -> None:
        await asyncio.sleep(30)

    obs_double.opening = mute
    began = time.monotonic()
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("scenes", 0.5)
    assert caught.value.code is Code.TARGET_UNREACHABLE
    assert time.monotonic() - began < 3
