"""obs.source on recorded answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.adapters.obs.source import Source, _holds, _merged, _names
from infrafabric.adapters.sdk import Call, Plan, Refuse
from infrafabric.control.harness import Failure, play
from infrafabric.kernel.words.manifest import Manifest


def yes(**response: Any) -> dict[str, Any]:
    return {"code": 100, "response": response}


class Desk:
    """Title is a text, Music has audio. Main holds Title as items 1 and 4, Box (a group) holds Music."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {"text": "Good evening"}
        self.defaults: dict[str, Any] = {"outline": False, "font": {"face": "Sans", "size": 256}}
        self.mul = 1.0

    def items(self, args: Mapping[str, Any]) -> dict[str, Any]:
        inside = {"Main": [(1, "Title"), (4, "Title")], "Box": [(2, "Music")]}[args["sceneName"]]
        return yes(
            sceneItems=[
                {"sceneItemId": number, "sourceName": name, "sceneItemEnabled": number != 4} for number, name in inside
            ]
        )

    @property
    def answers(self) -> dict[str, Any]:
        kinds = {"Title": "text_ft2_source", "Music": "ffmpeg_source"}
        silent = Failure(value={"code": 604, "response": {}})
        return {
            "scenes": yes(scenes=[{"sceneName": "Main"}]),
            "groups": yes(groups=["Box"]),
            "items": self.items,
            "group_items": self.items,
            "inputs": yes(inputs=[{"inputName": name, "unversionedInputKind": kind} for name, kind in kinds.items()]),
            "settings": yes(inputKind="text_ft2_source_v2", inputSettings=self.given),
            "defaults": yes(defaultInputSettings=self.defaults),
            "mute": lambda args: silent if args["inputName"] == "Title" else yes(inputMuted=False),
            "volume": lambda args: yes(inputVolumeMul=self.mul, inputVolumeDb=-100.0 if self.mul == 0 else 0.0),
        }


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def plan(desk: Desk, source_manifest: Manifest) -> Any:
    def made(**intent: Any) -> Plan:
        return play(Source, intent, desk.answers, manifest=source_manifest).plan

    return made


def test_an_item_of_a_group_by_its_group(plan: Any) -> None:
    [change] = plan(source="Music", scene="Box", visible=False)
    assert change.args == {"sceneName": "Box", "sceneItemId": 2, "sceneItemEnabled": False}


def test_one_of_two_items_needs_its_number(plan: Any) -> None:
    with pytest.raises(Refuse, match="as item 1, 4"):
        plan(source="Title", scene="Main", visible=True)
    [change] = plan(source="Title", scene="Main", item=4, visible=True)
    assert change.args["sceneItemId"] == 4
    assert not plan(source="Title", scene="Main", item=1, visible=True)


def test_a_setting_in_effect_by_default_is_not_set_again(plan: Any) -> None:
    assert not plan(source="Title", settings={"outline": False, "font": {"size": 256}})
    [change] = plan(source="Title", settings={"font": {"size": 96}})
    assert change.args["inputSettings"] == {"font": {"size": 96}}
    assert change.inverse == Call(
        "set_settings", {"inputName": "Title", "inputSettings": {"font": {"face": "Sans", "size": 256}}}
    )


def test_what_had_no_value_is_taken_back_by_all_that_was_set(plan: Any, desk: Desk) -> None:
    [change] = plan(source="Title", settings={"file": "x"})
    assert change.inverse == Call("replace_settings", {"inputName": "Title", "inputSettings": {"text": "Good evening"}})


def test_other_settings_are_compared_by_an_undo_and_not_told(plan: Any, desk: Desk) -> None:
    first = plan(source="Title", text="Good evening").observed
    desk.given["url"] = "rtmp://host/app?key=hidden"
    second = plan(source="Title", text="Good evening").observed
    assert first != second and "hidden" not in str(second)


def test_silence_is_taken_back_as_silence(plan: Any, desk: Desk) -> None:
    desk.mul = 0.0
    [change] = plan(source="Music", volume_db=-20)
    assert change.inverse == Call("set_volume", {"inputName": "Music", "inputVolumeMul": 0.0})


def test_what_has_no_audio_is_refused(plan: Any) -> None:
    with pytest.raises(Refuse, match="'Title' has no audio"):
        plan(source="Title", muted=True)


values = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=3)),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=1), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text("abc", min_size=1, max_size=1), values, max_size=3)


@given(objects, objects)
def test_what_is_set_is_then_in_effect(under: dict[str, Any], over: dict[str, Any]) -> None:
    assert _holds(_merged(under, over), over)


@given(objects, objects)
def test_an_inverse_by_name_restores(former: dict[str, Any], wanted: dict[str, Any]) -> None:
    if _names(former, wanted):
        assert _merged(_merged(former, wanted), former) == former
