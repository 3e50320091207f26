"""A record that was altered, or an adapter that is not the recorded one, does not replay."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox import World, plan, planning, program

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import GuestRun

MADE = program(
    planning("""
first = (await host.read("state", room=intent["room"])).value
second = (await host.read("more", of=first)).value
return Plan([Change("cut", {"Input": second})])
""")
)
ARGUMENT = {"intent": {"room": "a"}}


async def recorded(sandbox: Chassis) -> GuestRun:
    return (await plan(sandbox, MADE, ARGUMENT["intent"], world=World("x"))).recorded()


async def test_what_was_recorded_replays(sandbox: Chassis) -> None:
    await sandbox.replay(MADE, ARGUMENT, await recorded(sandbox))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answers": ({"ok": "y"}, {"ok": "x"})}, "request 2 is another one"),
        ({"answers": ({"ok": "x"}, {"ok": "y"})}, "ended with another answer"),
        ({"answers": ({"ok": "x"},)}, "no answer to request 2"),
        ({"requests": ({"read": "state", "args": {"room": "b"}},)}, "request 1 is another one"),
        ({"requests": ({"read": "state", "args": {"room": "a"}},)}, "request 2 was not made then"),
        ({"result": "sha256:" + "0" * 64}, "ended with another answer"),
        (
            {"answers": ({"error": {"code": "IF_ERR_TARGET_STATUS", "message": "no"}}, {"ok": "x"})},
            "now to: IF_ERR_TARGET",
        ),
    ],
)
async def test_an_altered_record_does_not(sandbox: Chassis, change: dict[str, Any], words: str) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.replay(MADE, ARGUMENT, (await recorded(sandbox)).model_copy(update=change))
    assert caught.value.code is Code.REPLAY_DIVERGED
    assert words in caught.value.message


async def test_another_argument_does_not(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.replay(MADE, {"intent": {"room": "b"}}, await recorded(sandbox))
    assert caught.value.code is Code.REPLAY_DIVERGED


async def test_an_extra_recorded_request_is_missed(sandbox: Chassis) -> None:
    run = await recorded(sandbox)
    more = run.model_copy(update={"requests": (*run.requests, {"wait": 1}), "answers": (*run.answers, {"ok": None})})
    with pytest.raises(FabricError) as caught:
        await sandbox.replay(MADE, ARGUMENT, more)
    assert caught.value.code is Code.REPLAY_DIVERGED


@pytest.mark.parametrize("change", [{"adapter": "sha256:other"}, {"runtime": "sha256:other"}])
async def test_another_adapter_or_component_is_not_even_tried(sandbox: Chassis, change: dict[str, str]) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.replay(MADE, ARGUMENT, (await recorded(sandbox)).model_copy(update=change))
    assert caught.value.code is Code.REPLAY_UNAVAILABLE
