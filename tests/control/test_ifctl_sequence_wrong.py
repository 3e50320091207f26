"""`ifctl run` of what is wrong: nothing is begun, and it is said in the words of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl
from sequences import MUSIC, NOWHERE, OPENER, TAG, Studio, ran, written

from infrafabric.control.steps import read_steps
from infrafabric.kernel.errors import Code, FabricError


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
