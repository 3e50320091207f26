"""`ifctl run`: a list of intents in order, each an action of its own, taken back in reverse when one fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl
from sequences import MUSIC, NOWHERE, OPENER, TAG, Studio, ran, undone, written
from world import World

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "vmix-show.yaml"

# --- as it should go


def test_the_example_starts_the_show_and_does_nothing_the_second_time(show_studio: Studio, tmp_path: Path) -> None:
    run, vmix = show_studio
    receipts = tmp_path / "receipts"
    receipts.mkdir()
    answer = run.ok("run", str(EXAMPLE), "--why", "show start", "--receipts", str(receipts))
    assert (answer["outcome"], answer["stays"]) == ("done", [])
    assert [step["id"] for step in answer["steps"] if step["wrote"]] == ["music-down", "name-tag", "record", "opener"]
    assert vmix.program == "Intro"
    assert vmix.snapshot()["recording"] is True
    assert [request.function for request in vmix.writes()] == [
        "SetVolume",
        "OverlayInput1In",
        "StartRecording",
        "CutDirect",
        "PreviewInput",
    ]

    received = run.ok("witness", "query", "--trace-token", answer["trace"], "--kind", "action.received")["entries"]
    assert {row["body"]["why"] for row in received} == {
        "show start: under the presenter's voice",
        "show start",
        "show start: the archive begins with the opener",
    }
    assert [step["report"]["action"] for step in answer["steps"]] == sorted(row["action"] for row in received)
    vkey = run.ok("witness", "vkey")["vkey"]
    assert len(list(receipts.iterdir())) == 4
    for step, path in zip(answer["steps"], sorted(receipts.iterdir()), strict=True):
        assert run.ok("witness", "verify", str(path), "--vkey", vkey)["action"] == step["report"]["action"]

    again = run.ok("run", str(EXAMPLE), "--why", "again")
    assert (again["outcome"], again["stays"], len(vmix.writes())) == ("done", [], 5)


@pytest.mark.parametrize(("option", "outcome"), [("--plan", "planned"), ("--dry-run", "dry_run")])
def test_a_look_goes_through_all_steps_and_writes_nothing(show_studio: Studio, option: str, outcome: str) -> None:
    run, vmix = show_studio
    answer = ran(run, written(MUSIC, TAG, OPENER), option)
    assert answer["outcome"] == outcome
    assert [step["report"]["counts"]["change"] for step in answer["steps"]] == [1, 1, 1]
    with_refusal = ran(run, written(NOWHERE, MUSIC), option)
    assert (with_refusal["failed"], with_refusal["error"]["code"]) == ("nowhere", Code.ADAPTER_REFUSED.value)
    assert with_refusal["steps"][1]["report"]["outcome"] == outcome
    assert vmix.writes() == []


def test_the_answer_for_people(show_studio: Studio) -> None:
    run, _ = show_studio
    result = run("run", "-", "--why", "x", stdin=written(MUSIC, TAG, NOWHERE, OPENER))
    assert result.exit_code == 1
    assert "── 1/4 music\nvmix.audio on vmix@studio-a\n  ~ change-1  set_volume" in result.stdout
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert "↶  1 music    converged, taken back  vmix.audio on vmix@studio-a" in lines
    assert "✗  3 nowhere  refused IF_ERR_ADAPTER_REFUSED  vmix.switcher on vmix@studio-a" in lines
    assert "·  4 opener   not begun  vmix.switcher on vmix@studio-a" in lines
    assert "what was done is taken back: nothing of this run stays" in lines
    assert f"{Code.ADAPTER_REFUSED.value}: step nowhere: no input" in result.stderr
    steps = [line for line in result.stderr.splitlines() if line.startswith("…")]
    assert steps[-2:] == ["… taking back step 2/4 tag", "… taking back step 1/4 music"]


# --- one fails


def test_a_third_step_that_is_refused_undoes_the_two_before_it_in_reverse(show_studio: Studio) -> None:
    run, vmix = show_studio
    before = vmix.snapshot()
    answer = ran(run, written(MUSIC, TAG, NOWHERE, OPENER), "--why", "show start")
    assert (answer["outcome"], answer["failed"], answer["stays"]) == ("undone", "nowhere", [])
    assert answer["error"]["code"] == Code.ADAPTER_REFUSED.value
    assert undone(answer) == {"music": "undone", "tag": "undone", "nowhere": None, "opener": None}
    assert answer["steps"][3]["begun"] is False
    assert vmix.snapshot() == before
    assert [request.function for request in vmix.writes()] == [
        "SetVolume",
        "OverlayInput1In",
        "OverlayInput1Out",
        "SetVolume",
    ]
    undoing = run.ok("witness", "query", "--trace-token", answer["trace"], "--kind", "action.received")["entries"]
    reasons = {row["body"]["why"] for row in undoing if row["body"]["purpose"] == "undo"}
    assert reasons == {"show start: taken back, since step nowhere did not end well"}


def test_a_step_that_the_device_ignores_fails_and_is_taken_back_too(show_studio: Studio) -> None:
    run, vmix = show_studio
    before = vmix.snapshot()
    vmix.faults.ignore = {"CutDirect"}
    answer = ran(run, written(MUSIC, OPENER), "--why", "x")
    assert (answer["outcome"], answer["error"]["code"]) == ("undone", Code.NOT_CONVERGED.value)
    assert undone(answer) == {"music": "undone", "opener": "undone"}
    assert vmix.snapshot() == before


def test_what_cannot_be_undone_is_named_and_the_rest_still_undone(show_studio: Studio) -> None:
    run, vmix = show_studio
    vmix.by_hand("StartRecording")
    stop = {"id": "stop", "capability": "vmix.output", "intent": {"recording": False}}
    answer = ran(run, written(MUSIC, stop, TAG, NOWHERE), "--why", "x")
    assert (answer["outcome"], answer["stays"]) == ("failed", ["stop"])
    assert undone(answer) == {"music": "undone", "stop": None, "tag": "undone", "nowhere": None}
    assert answer["steps"][1]["undo_error"]["code"] == Code.UNDO_IMPOSSIBLE.value
    text = run("run", "-", "--why", "x", stdin=written({**TAG, "intent": {"channel": 2, "input": "Intro"}}, NOWHERE))
    assert "nothing of this run stays" in text.stdout


def test_what_another_hand_moved_meanwhile_is_left_to_it(show_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    from infrafabric.kernel.kernel import Kernel

    run, vmix = show_studio
    undo = Kernel.undo

    async def moved(self: Kernel, *args: Any, **more: Any) -> Any:
        vmix.by_hand("SetVolume", Input="Music", Value="77")
        return await undo(self, *args, **more)

    monkeypatch.setattr(Kernel, "undo", moved)
    answer = ran(run, written(MUSIC, NOWHERE), "--why", "x")
    assert (answer["outcome"], answer["stays"]) == ("failed", ["music"])
    assert answer["steps"][0]["undo_error"]["code"] == Code.UNDO_MOVED.value
    assert round(vmix.snapshot()["inputs"][5]["volume"]) == 77


def test_a_step_in_doubt_stops_the_run_and_is_said_to_stay(show_studio: Studio) -> None:
    run, vmix = show_studio

    perform = vmix.function

    def lost(door: str, name: str, query: Any) -> bool:
        """Does what is asked, and is not heard of again."""
        vmix.faults.delay_s = 30
        return perform(door, name, query)

    record = {"id": "record", "capability": "vmix.output", "intent": {"recording": True}}
    vmix.function = lost  # type: ignore[method-assign]
    answer = ran(run, written(record, MUSIC), "--why", "x")
    assert answer["steps"][0]["report"]["outcome"] == "in_doubt"
    assert (answer["outcome"], answer["stays"]) == ("failed", ["record"])
    assert answer["steps"][0]["undo_error"]["code"] == Code.UNDO_IMPOSSIBLE.value
    assert answer["steps"][1]["begun"] is False


@pytest.mark.parametrize("kind", [Kind.EFFECT_OBSERVED, Kind.ACTION_CLOSED])
def test_a_log_that_stops_after_a_write_does_not_make_it_unwritten(
    show_studio: Studio, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    from infrafabric.witness.log import WitnessLog

    run, vmix = show_studio
    append = WitnessLog.append
    stopped: list[bool] = []

    async def full(self: WitnessLog, *entries: Entry) -> Any:
        if stopped or any(entry.kind is kind for entry in entries):
            stopped.append(True)
            raise FabricError(Code.LOG_STOPPED, "no room for the next entry")
        return await append(self, *entries)

    monkeypatch.setattr(WitnessLog, "append", full)
    answer = ran(run, written(MUSIC, TAG), "--why", "x")
    assert (answer["outcome"], answer["failed"], answer["stays"]) == ("failed", "music", ["music"])
    assert answer["error"]["code"] == Code.IN_DOUBT.value
    assert answer["steps"][0]["action"]
    assert "undo_error" in answer["steps"][0]
    assert answer["afterwards"]["code"] == Code.LOG_STOPPED.value
    assert [request.function for request in vmix.writes()] == ["SetVolume"]


def test_planning_first_finds_a_refusal_before_anything_is_done(show_studio: Studio) -> None:
    run, vmix = show_studio
    answer = ran(run, written(MUSIC, TAG, NOWHERE), "--plan-first", "--why", "x")
    assert (answer["outcome"], answer["failed"]) == ("refused", "nowhere")
    assert vmix.writes() == []
    answer = ran(run, written(MUSIC, TAG), "--plan-first", "--why", "x")
    assert answer["outcome"] == "done"
    vmix.faults.ignore = {"CutDirect"}
    late = {"id": "late", "capability": "vmix.output", "intent": {"recording": True}}
    answer = ran(run, written(OPENER, late), "--plan-first", "--why", "x")
    assert (answer["failed"], answer["steps"][1]["begun"], answer["steps"][1]["report"]) == ("opener", False, None)


# --- states and events in one list


LAMP = {"id": "lamp", "capability": "house.lamps", "intent": {"lamps": {"hall": True}}}
BELL = {"id": "bell", "capability": "house.bell", "intent": {"tone": "low"}}
CELLAR = {"id": "cellar", "capability": "house.lamps", "intent": {"lamps": {"cellar": True}}}


async def test_an_event_is_taken_back_by_its_inverse(world: World) -> None:
    run = Ifctl(world.home.root)
    answer = await asyncio.to_thread(ran, run, written(LAMP, BELL, CELLAR), "--why", "x")
    assert (answer["outcome"], answer["stays"]) == ("undone", [])
    assert undone(answer) == {"lamp": "undone", "bell": "undone", "cellar": None}
    assert world.peer.writes == ["POST /lamps/hall", "POST /bell", "DELETE /rings/ring_1", "POST /lamps/hall"]
    assert (world.peer.rings, world.peer.lamps["hall"]) == ({}, False)


async def test_an_event_in_doubt_stays_and_is_said_to(world: World) -> None:
    run = Ifctl(world.home.root)
    world.peer.hang_up = True
    answer = await asyncio.to_thread(ran, run, written(BELL, LAMP), "--why", "x")
    assert (answer["outcome"], answer["failed"], answer["stays"]) == ("failed", "bell", ["bell"])
    assert answer["steps"][0]["report"]["outcome"] == "in_doubt"
    assert answer["steps"][0]["undo_error"]["code"] == Code.UNDO_IMPOSSIBLE.value
    assert world.peer.writes == ["POST /bell"]
