"""`ifctl run`: a list of intents in order, each an action of its own, taken back in reverse when one fails."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl
from world import World

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.steps import read_steps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind

Studio = tuple[Ifctl, VmixSimulator]
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "vmix-show.yaml"
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

MUSIC = {"id": "music", "capability": "vmix.audio", "intent": {"input": "Music", "volume": 20}}
TAG = {"id": "tag", "capability": "vmix.overlay", "intent": {"channel": 1, "input": "Lower Third"}}
OPENER = {"id": "opener", "capability": "vmix.switcher", "on": "vmix@studio-a", "intent": {"scene": "Intro"}}
NOWHERE = {"id": "nowhere", "capability": "vmix.switcher", "intent": {"scene": "Nowhere"}}


def written(*steps: dict[str, Any], **more: Any) -> str:
    return json.dumps({"steps": list(steps), **more})


def ran(run: Ifctl, text: str, *options: str) -> dict[str, Any]:
    """The JSON answer to a list on stdin, whatever became of it."""
    result = run("run", "-", *options, "--json", stdin=text)
    assert result.exit_code in (0, 1), result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code != 0) == ("error" in answer)
    return answer


def undone(answer: dict[str, Any]) -> dict[str, str | None]:
    return {step["id"]: step["undo"] and step["undo"]["outcome"] for step in answer["steps"]}


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


# --- wrong lists


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", Code.STEPS_INVALID, "empty"),
        ("steps: []", Code.STEPS_INVALID, "steps"),
        ("steps: {a: b}", Code.STEPS_INVALID, "steps"),
        ("[1, 2]", Code.STEPS_INVALID, "list of intents"),
        ("steps: [1]", Code.STEPS_INVALID, "step 1"),
        (written(MUSIC, extra=1), Code.STEPS_INVALID, "extra"),
        (written({**MUSIC, "when": "now"}), Code.STEPS_INVALID, "step 1: when"),
        (written(MUSIC, MUSIC), Code.STEPS_INVALID, "two steps are called music"),
        (written({**MUSIC, "id": "Not A Name"}), Code.STEPS_INVALID, "step 1: id"),
        (written(MUSIC, {"id": "x", "capability": "vmix.switcher"}), Code.STEPS_INVALID, "step 2: intent"),
        (written({**MUSIC, "capability": "../x"}), Code.STEPS_INVALID, "no capability"),
        (written({**MUSIC, "on": "studio"}), Code.STEPS_INVALID, "step 1: on"),
        (written(*[{**MUSIC, "id": f"s{number}"} for number in range(201)]), Code.STEPS_INVALID, "steps"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nsteps: [*b, *b]", Code.STEPS_INVALID, "anchor"),
        ("steps: !!python/object/apply:os.system ['true']", Code.STEPS_INVALID, "tag"),
        ("{" + '"a":{' * 200 + "}" * 201, Code.STEPS_INVALID, "nest"),
        ("steps: [{id: a, id: b}]", Code.STEPS_INVALID, "second time"),
        ("#" * ((1 << 20) + 1), Code.TOO_LARGE, "more than"),
        (written(MUSIC, {**OPENER, "capability": "obs.scene"}), Code.CAPABILITY_UNKNOWN, "step opener: "),
        (written(MUSIC, {**OPENER, "on": "vmix@nowhere"}), Code.TARGET_UNKNOWN, "step opener: "),
        (written(MUSIC, {**OPENER, "on": "obs@studio"}), Code.TARGET_UNKNOWN, "step opener: "),
        (written(MUSIC, {**OPENER, "intent": {"scen": "Intro"}}), Code.INTENT_INVALID, "step opener: "),
        (written(MUSIC, {**OPENER, "intent": {"scene": 3}}), Code.INTENT_INVALID, "step opener: scene"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_list_is_refused_whole(show_studio: Studio, text: str, code: Code, said: str) -> None:
    run, vmix = show_studio
    before = run.ok("witness", "checkpoint")["size"]
    status, found, message = run.refused("run", "-", "--why", "x", stdin=text)
    assert (status, found) == (1, code.value)
    assert said in message
    assert vmix.requests == []
    entries = run.ok("witness", "query", "--limit", "50")["entries"]
    assert {row["kind"] for row in entries if row["index"] >= before} <= {"kernel.started", "kernel.stopped"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3", "the list of intents: must be a mapping of names to values"),
        ("steps: []", "steps: must hold at least 1"),
        ("steps: {a: b}", "steps: must be a list"),
        ("steps: [1]", "step 1: must be a mapping of names to values"),
        (written(MUSIC, extra=1), "extra: there is no such member"),
        (written(MUSIC, MUSIC), "the list of intents: two steps are called music"),
        (written({**MUSIC, "id": "Not A Name"}), "step 1: id: must be 1 to 48 small letters, digits, - and _"),
        (written({**MUSIC, "id": 3}), "step 1: id: must be text"),
        (written({**MUSIC, "on": "studio"}), "step 1: on: must name a target, such as vmix@studio-a"),
        (written({**MUSIC, "capability": "../x"}), "step 1: capability: '../x' is no capability"),
        (written({**MUSIC, "intent": 3}), "step 1: intent: must be a mapping of names to values"),
        (written({**MUSIC, "hazards": "live"}), "step 1: hazards: must be a list"),
        (written({**MUSIC, "hazards": ["{x}"]}), "step 1: hazards.0: must be small letters"),
        (written({**MUSIC, "why": "x" * 501}), "step 1: why: must have at most 500 characters"),
        (written({"id": "x", "capability": "vmix.switcher"}), "step 1: intent: is missing"),
        (written(*[{**MUSIC, "id": f"s{number}"} for number in range(201)]), "steps: must hold at most 200"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_list_is_refused_in_the_words_of_the_file(text: str, said: str) -> None:
    with pytest.raises(FabricError) as raised:
        read_steps(text.encode())
    assert raised.value.message.startswith(said)
    assert not any(word in raised.value.message for word in ("Input should", "Value error", "tuple", "dictionary", "^"))


def test_a_list_that_is_too_large_is_to_be_split(vmix_home: Ifctl, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_bytes(b"#" * (1 << 20) + b"#")
    for name in ("-", str(tmp_path / "long.yaml")):
        result = vmix_home("run", name, "--why", "x", "--json", stdin="#" * ((1 << 20) + 1))
        error = json.loads(result.stdout)["error"]
        assert (error["code"], error["remedy"][:15]) == (Code.TOO_LARGE.value, "Split the list:")


def test_a_talent_without_a_grant_for_one_step_begins_none(show_studio: Studio) -> None:
    run, vmix = show_studio
    run.ok("talent", "add", "--name", "Show.Agent", "--kind", "person", "--why", "x")
    run.ok("talent", "grant", "--name", "Show.Agent", "--capability", "vmix.audio", "--why", "x")
    refused = run.refused("run", "-", "--as", "Show.Agent", "--why", "x", stdin=written(MUSIC, OPENER))
    assert refused[:2] == (1, Code.NOT_GRANTED.value)
    assert vmix.requests == []
    run.ok("talent", "grant", "--name", "Show.Agent", "--capability", "vmix.switcher", "--why", "x")
    assert ran(run, written(MUSIC, OPENER), "--as", "Show.Agent", "--why", "x")["outcome"] == "done"


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ([], 2, Code.WHY_REQUIRED),
        (["--plan", "--dry-run"], 2, Code.USAGE),
        (["--why", "x", "--receipts", "/nowhere/at/all"], 1, Code.FILE_UNWRITABLE),
        (["--why", "x", "--as", "nobody"], 1, Code.TALENT_UNKNOWN),
    ],
)
def test_a_wrong_call_begins_nothing(show_studio: Studio, options: list[str], status: int, code: Code) -> None:
    run, vmix = show_studio
    assert run.refused("run", "-", *options, stdin=written(MUSIC))[:2] == (status, code.value)
    assert vmix.requests == []


def test_a_receipt_is_not_written_over_and_nothing_begun(show_studio: Studio, tmp_path: Path) -> None:
    run, vmix = show_studio
    (tmp_path / "002-tag.receipt.json").write_text("mine")
    options = ("--why", "x", "--receipts", str(tmp_path))
    assert run.refused("run", "-", *options, stdin=written(MUSIC, TAG))[1] == Code.EXISTS.value
    assert [path.name for path in tmp_path.glob("*.receipt.json")] == ["002-tag.receipt.json"]
    assert vmix.requests == []


def test_the_receipts_of_a_run_that_was_taken_back_tell_both_ways(show_studio: Studio, tmp_path: Path) -> None:
    run, _ = show_studio
    receipts = tmp_path / "receipts"
    receipts.mkdir()
    ran(run, written(MUSIC, NOWHERE, OPENER), "--why", "x", "--receipts", str(receipts))
    names = sorted(path.name for path in receipts.iterdir())
    assert names == ["001-music-undo.receipt.json", "001-music.receipt.json", "002-nowhere.receipt.json"]


@pytest.mark.parametrize("steps", [(MUSIC, NOWHERE), (MUSIC,)], ids=["would be needed", "would not"])
def test_the_receipt_of_an_undo_is_not_written_over_and_nothing_begun(
    show_studio: Studio, tmp_path: Path, steps: tuple[dict[str, Any], ...]
) -> None:
    run, vmix = show_studio
    folder = tmp_path / "receipts"
    folder.mkdir()
    earlier = folder / "001-music-undo.receipt.json"
    earlier.write_text("mine")
    options = ("--receipts", str(folder))
    assert run.refused("run", "-", "--why", "x", *options, stdin=written(*steps))[1] == Code.EXISTS.value
    assert [path.name for path in folder.iterdir()] == [earlier.name]
    assert vmix.requests == []
    assert ran(run, written(MUSIC), "--plan", *options)["outcome"] == "planned", "a look undoes nothing"


def test_a_receipt_of_an_undo_is_kept_beside_what_took_its_name_meanwhile(
    show_studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infrafabric.kernel.kernel import Kernel

    run, _ = show_studio
    undo, folder = Kernel.undo, tmp_path / "receipts"
    folder.mkdir()

    async def slow(self: Kernel, *args: Any, **more: Any) -> Any:
        (folder / "001-music-undo.receipt.json").write_text("mine")
        return await undo(self, *args, **more)

    monkeypatch.setattr(Kernel, "undo", slow)
    answer = ran(run, written(MUSIC, NOWHERE), "--why", "x", "--receipts", str(folder))
    assert "receipt_errors" not in answer
    assert (folder / "001-music-undo.receipt.json").read_text() == "mine"
    vkey = run.ok("witness", "vkey")["vkey"]
    verified = run.ok("witness", "verify", str(folder / "001-music-undo-2.receipt.json"), "--vkey", vkey)
    assert verified["action"] == answer["steps"][0]["undo"]["action"]


# --- interrupted


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_ends_its_step_and_takes_back(
    show_studio: Studio, tmp_path: Path, number: signal.Signals
) -> None:
    run, vmix = show_studio
    before = vmix.snapshot()
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")  # the sandbox component is compiled then
    vmix.faults.delay_s = 0.4
    (tmp_path / "show.json").write_text(written(MUSIC, TAG, OPENER))
    with run.process("run", str(tmp_path / "show.json"), "--why", "x", "--json", "--trace-token", "1" * 32) as process:
        while not vmix.writes():
            assert process.poll() is None, process.communicate()
        process.send_signal(number)
        out, said = process.communicate(timeout=50)
    assert process.returncode == 130, said
    answer = json.loads(out)
    assert (answer["outcome"], answer["error"]["code"]) == ("undone", Code.INTERRUPTED.value)
    assert undone(answer) == {"music": "undone", "tag": None, "opener": None}
    assert vmix.snapshot() == before
    assert "Traceback" not in said


@posix
def test_stopped_twice_it_leaves_what_was_done(show_studio: Studio, tmp_path: Path) -> None:
    run, vmix = show_studio
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
    vmix.faults.delay_s = 0.4
    (tmp_path / "show.json").write_text(written(MUSIC, TAG))
    with run.process("run", str(tmp_path / "show.json"), "--why", "x", "--json") as process:
        while not vmix.writes():
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=50)
    answer = json.loads(out)
    assert process.returncode == 130
    assert (answer["outcome"], answer["stays"], undone(answer)["music"]) == ("failed", ["music"], None)
    assert len(vmix.writes()) == 1


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
