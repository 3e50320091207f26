"""Attempts on plans whose target gives one thing several names, as vMix does: a key to write, a title to ask by."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.falsify.shape import blast_radius
from infrafabric.kernel.words.plan import Call, Change, Plan

STATE = """<vmix><version>28</version><inputs>
<input key="aa-1" number="1" type="Capture" title="Camera 1" muted="False">Camera 1</input>
<input key="aa-2" number="2" type="Capture" title="Camera 2" muted="False"><list><item>x</item></list></input>
<input key="aa-3" number="3" type="Image" title="Ann &amp; Bob" state="Paused"/></inputs>
<active>1</active><preview>2</preview></vmix>"""


def case(intent: dict[str, Any], *changes: Change) -> Case:
    planned = SimpleNamespace(
        plan=Plan(changes=changes), run=SimpleNamespace(answers=({"status": 200, "body": STATE},)), requests=()
    )
    return cast("Case", SimpleNamespace(journey=SimpleNamespace(ask=SimpleNamespace(intent=intent)), planned=planned))


def mute(key: str) -> Change:
    args = {"Input": key}
    return Change(
        id=f"change-{key[-1]}",
        effect="mute",
        args=args,
        before={"muted": False},
        after={"muted": True},
        inverse=Call(effect="unmute", args=args),
    )


def preview(key: str, former: str) -> Change:
    back = Call(effect="preview", args={"Input": former})
    return Change(
        id="change-2", effect="preview", args={"Input": key}, before={"on": former}, after={"on": key}, inverse=back
    )


@pytest.mark.parametrize("name", ["Camera 1", "1", "AA-1", "aa-1"])
async def test_an_input_that_the_intent_does_not_name_refutes(name: str) -> None:
    intent = {"input": name, "muted": True, "volume": 2}
    assert "nothing beyond" in await blast_radius(case(intent, mute("aa-1")))
    with pytest.raises(Refuted, match=r"change-2 touches '(Camera 2|aa-2)', which .* beside"):
        await blast_radius(case(intent, mute("aa-1"), mute("aa-2")))


async def test_a_title_is_read_as_it_is_shown() -> None:
    assert "(Ann & Bob)" in await blast_radius(case({"input": "Ann & Bob", "muted": True}, mute("aa-3")))


async def test_a_preview_that_is_kept_stands() -> None:
    cut = Change(
        id="change-1", effect="fade", args={"Input": "aa-3"}, inverse=Call(effect="cut", args={"Input": "aa-1"})
    )
    said = await blast_radius(case({"scene": "3"}, cut, preview("aa-2", "aa-2")))
    assert "nothing beyond what the intent names (3)" in said


async def test_what_cannot_be_told_from_the_intent_is_not_judged() -> None:
    assert "could not be judged" in await blast_radius(case({"bus": "master", "muted": True}, mute("aa-2")))
    assert "could not be judged" in await blast_radius(case({"muted": True}, mute("aa-2")))
