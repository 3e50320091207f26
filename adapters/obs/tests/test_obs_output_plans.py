"""obs.output on recorded answers."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.adapters.obs.output import Output
from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.control.harness import Failure, play
from infrafabric.kernel.words.manifest import Manifest


def yes(**response: Any) -> dict[str, Any]:
    return {"code": 100, "response": response}


@pytest.fixture
def plan(output_manifest: Manifest) -> Any:
    def made(answers: dict[str, Any], **intent: bool) -> Plan:
        return play(Output, intent, answers, manifest=output_manifest).plan

    return made


def test_starting_can_be_taken_back_and_stopping_cannot(plan: Any) -> None:
    off = {"recording": yes(outputActive=False, outputPaused=False), "streaming": yes(outputActive=False)}
    assert [change.inverse for change in plan(off, recording=True, streaming=True)] == [
        Call("stop_recording"),
        Call("stop_streaming"),
    ]
    on = {"recording": yes(outputActive=True, outputPaused=False), "streaming": yes(outputActive=True)}
    assert [change.inverse for change in plan(on, recording=False, streaming=False)] == [None, None]
    assert not plan(on, recording=True, streaming=True)


def test_a_stream_that_is_reconnecting_is_not_on(plan: Any) -> None:
    lost = {"streaming": yes(outputActive=True, outputReconnecting=True)}
    [change] = plan(lost, streaming=True)
    assert change.before == {"streaming": "reconnecting"}


def test_a_paused_recording_is_refused(plan: Any) -> None:
    paused = {"recording": yes(outputActive=True, outputPaused=True)}
    with pytest.raises(Refuse, match="paused"):
        plan(paused, recording=True)
    assert [change.effect for change in plan(paused, recording=False)] == ["stop_recording"]


@pytest.mark.parametrize(("field", "says"), [("virtual_camera", "v4l2loopback"), ("replay_buffer", "enable it")])
def test_what_this_obs_has_not_is_refused(plan: Any, field: str, says: str) -> None:
    missing = Failure(value={"code": 604, "response": {}})
    with pytest.raises(Refuse, match=says):
        plan({field: missing}, **{field: True})


def test_what_ends_a_file_or_a_broadcast_is_destructive(output_manifest: Manifest) -> None:
    destructive = {name for name, effect in output_manifest.effects.items() if effect.destructive}
    assert destructive == {"stop_recording", "stop_streaming", "stop_replay_buffer"}


def test_nothing_toggles(output_manifest: Manifest) -> None:
    assert not [effect for effect in output_manifest.effects.values() if effect.operation.startswith("Toggle")]
