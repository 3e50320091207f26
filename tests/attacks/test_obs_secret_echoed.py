"""An OBS that says the password back, in an answer, a refusal or a parting word: masked wherever it would be seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import FabricError

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig


async def test_in_an_answer(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    secret = obs_rig.secrets["OBS_PASSWORD"]
    obs_double.scenes = [f"it is {secret}", secret.upper()]
    given = await obs_rig.perform("scenes")
    assert secret not in json.dumps(given.value)


async def test_in_a_no(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    secret = obs_rig.secrets["OBS_PASSWORD"]

    async def telling(double: ObsDouble, connection: Any, request: Any) -> bool:
        status = {"result": False, "code": 600, "comment": f"was it {secret}?"}
        head = {"requestType": request["requestType"], "requestId": request["requestId"]}
        await double.send(connection, 7, {**head, "requestStatus": status})
        return True

    obs_double.misbehave = telling
    given = await obs_rig.perform("program", sceneName="Main")
    assert not given.ok and secret not in json.dumps(given.value) and secret not in given.problem


async def test_in_its_parting_word(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    secret = obs_rig.secrets["OBS_PASSWORD"]

    async def refuses(connection: Any) -> None:
        await connection.close(4009, f"not {secret}")

    obs_double.opening = refuses
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("scenes")
    assert secret not in json.dumps(caught.value.as_json())
    assert secret not in obs_rig.driver.health()["show@stage"].detail


async def test_nothing_of_it_is_logged(
    obs_rig: ObsRig, obs_double: ObsDouble, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        await obs_rig.perform("scenes")
    secret = obs_rig.secrets["OBS_PASSWORD"]
    client = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert not [record for record in client if secret in record.getMessage() or "authentication" in record.getMessage()]
