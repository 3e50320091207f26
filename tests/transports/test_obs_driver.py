"""The obs driver against a server that speaks its protocol."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import DriverCall

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig


async def test_a_request_and_its_answer(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    given = await obs_rig.perform("program", sceneName="Main")
    assert (given.value, given.ok, given.problem) == ({"code": 100, "response": {}}, True, "")
    assert obs_double.heard == [("SetCurrentProgramScene", {"sceneName": "Main"})]
    read = await obs_rig.perform("scenes")
    assert read.value["response"]["currentProgramSceneName"] == "Main"
    assert obs_double.heard[-1] == ("GetSceneList", None)


async def test_a_no_is_an_answer_with_its_name(obs_rig: ObsRig) -> None:
    given = await obs_rig.perform("program", sceneName="Nowhere")
    assert not given.ok and given.conclusive
    assert given.problem == "600 ResourceNotFound: No source was found by that name."
    assert given.value == {"code": 600, "response": {}, "comment": "No source was found by that name."}


async def test_a_failure_while_it_was_done_says_nothing(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def fails(double: ObsDouble, connection: Any, request: Any) -> bool:
        await double.answer(connection, request, 702)
        return True

    obs_double.misbehave = fails
    given = await obs_rig.perform("program", sceneName="Main")
    assert (given.ok, given.conclusive, given.problem) == (False, False, "702 RequestProcessingFailed")


async def test_a_batch_asks_for_each_item(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    given = await obs_rig.perform("shown", sourceName=["Main", "Intro"])
    assert given.ok and [part["code"] for part in given.value["responses"]] == [204, 204]
    assert obs_double.heard == [
        ("GetSourceActive", {"sourceName": "Main"}),
        ("GetSourceActive", {"sourceName": "Intro"}),
    ]
    assert (await obs_rig.perform("shown", sourceName=[])).value == {"code": 100, "responses": []}
    assert len(obs_double.heard) == 2


async def test_all_that_speak_to_a_target_share_one_connection(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    await asyncio.gather(*(obs_rig.perform("scenes") for _ in range(20)))
    assert obs_double.connections == 1
    assert obs_double.subscriptions == [0x7FF]  # nothing that fires many times a second


async def test_a_wrong_password_is_refused_and_not_tried_again(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    obs_double.password = "another one altogether"
    for _ in range(3):
        with pytest.raises(FabricError) as caught:
            await obs_rig.perform("scenes")
        assert caught.value.code is Code.TARGET_AUTH
        assert "the password is wrong (4009 Authentication failed.)" in caught.value.message
    assert (obs_double.connections, obs_rig.state) == (1, "refused")
    found = await obs_rig.driver.check_health(obs_rig.manifest, obs_rig.target, obs_rig.secrets)
    assert found.state == "refused" and obs_rig.secrets["OBS_PASSWORD"] not in found.detail


async def test_no_password_where_none_is_asked_for(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    obs_double.password = None
    obs_rig.manifest = obs_rig.manifest.model_copy(update={"connection": {}})
    assert (await obs_rig.perform("scenes")).ok


async def test_nothing_there_is_unreachable(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    await obs_double.stop()
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("program", sceneName="Main")
    assert caught.value.code is Code.TARGET_UNREACHABLE
    assert obs_rig.state == "down"
    await obs_double.start()
    assert (await obs_rig.perform("program", sceneName="Main")).ok


async def test_a_loss_before_the_answer_is_told_at_once(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def leaves(double: ObsDouble, connection: Any, request: Any) -> bool:
        await connection.close(1001, "Server stopping.")
        return True

    await obs_rig.perform("scenes")
    obs_double.misbehave = leaves
    began = time.monotonic()
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("program", sceneName="Main")
    assert caught.value.code is Code.TARGET_LOST
    assert time.monotonic() - began < 2  # not at the deadline
    obs_double.misbehave = None
    assert (await obs_rig.perform("scenes")).ok
    assert obs_double.connections == 2


async def test_it_is_found_again_by_itself(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async with obs_rig.driver.signals(obs_rig.manifest, obs_rig.target, obs_rig.secrets) as signals:  # type: ignore[union-attr]
        await obs_double.stop()
        await obs_rig.until(lambda: obs_rig.state == "down")
        await obs_double.start()
        async with asyncio.timeout(2):
            await signals.wait()  # something may have changed meanwhile
        assert obs_rig.state == "up" and obs_rig.driver.health()["show@stage"].reconnects == 1


async def test_events_by_name_are_news(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async with obs_rig.driver.signals(obs_rig.manifest, obs_rig.target, obs_rig.secrets) as signals:  # type: ignore[union-attr]
        waiting = asyncio.ensure_future(signals.wait())
        await obs_double.tell("InputMuteStateChanged", inputName="Music", inputMuted=True)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await obs_double.tell("CurrentProgramSceneChanged", sceneName="Main")
        async with asyncio.timeout(2):
            await waiting


async def test_the_request_as_an_approver_reads_it(obs_rig: ObsRig) -> None:
    def described(effect: str, **args: Any) -> str:
        return obs_rig.driver.describe(DriverCall(obs_rig.manifest, effect, args, obs_rig.target))

    where = f"obs://127.0.0.1:{obs_rig.double.port}"
    assert described("program", sceneName="Main\u202e") == (
        f'{where}  SetCurrentProgramScene  {{"sceneName": "Main\\u202e"}}'
    )
    assert described("scenes") == f"{where}  GetSceneList"
    assert (
        described("shown", sourceName=["a"]) == f'{where}  GetSourceActive for each sourceName  {{"sourceName": ["a"]}}'
    )
    with pytest.raises(FabricError) as caught:
        described("program", sceneName=5)
    assert caught.value.code is Code.EFFECT_ARGUMENT


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"effects": {"x": {"read": "StartStream"}}}, "begins with Get"),
        ({"effects": {"x": {"write": "GetStats"}}}, "begins with Get"),
        ({"effects": {"x": {"write": "ToggleRecord", "repeatable": True}}}, "not repeatable"),
        ({"effects": {"x": {"write": "not a type"}}}, "request type such as"),
        ({"effects": {"x": {"read": "GetX", "query": {"a": 1}}}}, "no query"),
        ({"effects": {"x": {"write": "SetX per a", "json": {"a": {"type": "array", "maxItems": 2}}}}}, "one request"),
        ({"effects": {"x": {"read": "GetX per a", "json": {"a": {"type": "string"}}}}}, "type array"),
        ({"effects": {"x": {"read": "GetX per a", "json": {"a": {"type": "array"}}}}}, "maxItems"),
        ({"connection": {"pass": "x"}}, "has no 'pass'"),
        ({"connection": {"password": "in the clear"}}, "secret: NAME"),
        ({"connection": {"password": {"secret": "OTHER"}}}, "OTHER"),
        ({"signals": {"news": ["InputVolumeMeters"]}}, "no event"),
        ({"signals": {"subscribe": ["x"], "news": []}}, "subscribe is empty"),
        ({"base": "http://{OBS_HOST}:{OBS_PORT}"}, "obs|obss"),
    ],
)
async def test_what_it_could_not_perform_is_refused(obs_rig: ObsRig, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(FabricError) as caught:
        obs_rig.driver.check(obs_rig.made(**changed))
    assert caught.value.code is Code.MANIFEST_INVALID
    assert says in caught.value.message


async def test_what_is_no_obs_websocket_is_unreachable(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def other(connection: Any) -> None:
        await connection.send("hello, who are you?")
        await connection.close(1000)

    obs_double.opening = other
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("scenes")
    assert caught.value.code is Code.TARGET_UNREACHABLE


@pytest.mark.parametrize("steps", range(6))
async def test_an_opening_that_is_given_up_leaves_no_connection(
    obs_rig: ObsRig, obs_double: ObsDouble, steps: int
) -> None:
    """At whichever step of the loop after OBS has let us in."""

    def receiving() -> list[Any]:
        tasks = [task.get_coro() for task in asyncio.all_tasks() - others]
        return [one for one in tasks if getattr(one, "__qualname__", "").endswith("._ws_recv_task")]

    others = asyncio.all_tasks()
    for _ in range(5):
        opening = asyncio.ensure_future(obs_rig.driver.check_health(obs_rig.manifest, obs_rig.target, obs_rig.secrets))
        async with asyncio.timeout(10):
            while not any(one.cr_frame.f_locals["self"].identified for one in receiving() if one.cr_frame):
                await asyncio.sleep(0)
        for _ in range(steps):
            await asyncio.sleep(0)
        await obs_rig.driver.forget("show@stage")
        await opening
        await asyncio.sleep(0.02)
        assert receiving() == []
