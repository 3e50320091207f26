"""`ifctl witness vkey` and `rotate-key`: the log's key changes in a home that is at work."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.control.cli.witness_keys import parse_overlap
from infrafabric.kernel.authority import change_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.keys.signing import PublicKey


@pytest.fixture
def nowhere(tmp_path: Path) -> Ifctl:
    """ifctl without a home."""
    return Ifctl(tmp_path / "nowhere")


def vkey(run: Ifctl) -> str:
    key: str = run.ok("witness", "vkey")["vkey"]
    return key


def test_the_key_changes_and_whoever_holds_the_former_one_finds_the_new(
    bare_home: Ifctl, nowhere: Ifctl, tmp_path: Path
) -> None:
    old = vkey(bare_home)
    begun = bare_home.ok("witness", "rotate-key", "--why", "yearly", "--overlap", "10d")
    new = begun["vkey"]
    assert (begun["change"], begun["former"]) == ("begun", old)
    assert bare_home.ok("witness", "vkey") == {"vkey": new, "former": old, "until": begun["until"], "proof": None}
    shown = bare_home("witness", "vkey")
    assert shown.stdout == f"{new}\n"
    assert old in shown.stderr
    assert bare_home.refused("witness", "rotate-key", "--why", "x")[1] == Code.USAGE.value
    bare_home.ok("target", "add", "vmix@b", "--why", "both sign")
    finished = bare_home.ok("witness", "rotate-key", "--finish", "--why", "all know it")
    assert (finished["change"], finished["vkey"], finished["former"]) == ("finished", new, old)
    bare_home.ok("target", "add", "vmix@c", "--why", "one signs")
    assert bare_home.ok("witness", "vkey") == {"vkey": new, "former": None, "until": None, "proof": None}

    proof = tmp_path / "change"
    bare_home.ok("witness", "vkey", "--proof", str(proof))
    found = nowhere.ok("witness", "verify", str(proof), "--vkey", old)
    assert (found["form"], found["rekeyed"]["vkey"], found["signed_by"]) == ("entry", new, [old])
    assert new in nowhere("witness", "verify", str(proof), "--vkey", old).stdout
    assert bare_home.refused("witness", "vkey", "--proof", str(proof))[1] == Code.EXISTS.value
    assert bare_home.ok("witness", "verify")["verified"] is True


def test_the_change_is_signed_by_the_operator_and_stays_on_record(bare_home: Ifctl) -> None:
    bare_home.ok("witness", "rotate-key", "--why", "yearly", "--trace-token", "ab" * 16)
    bare_home.ok("witness", "rotate-key", "--finish", "--why", "done", "--trace-token", "ab" * 16)
    entries = bare_home.ok("witness", "query", "--kind", "log.rekeyed", "--trace-token", "ab" * 16)["entries"]
    assert len(entries) == 2
    for entry in entries:
        (shown,) = bare_home.ok("witness", "show", str(entry["index"]))["entries"]
        body = shown["body"]
        signed = change_bytes(Kind.LOG_REKEYED, body)
        assert PublicKey.from_base64(body["operator"]).verify(signed, base64.b64decode(body["signature"]))
        erase = ("witness", "erase", str(entry["index"]), "--why", "x")
        assert bare_home.refused(*erase)[1] == Code.ERASE_REFUSED.value


def test_an_entry_of_no_action_is_no_receipt_of_one(bare_home: Ifctl, nowhere: Ifctl, tmp_path: Path) -> None:
    old = vkey(bare_home)
    bare_home.ok("witness", "rotate-key", "--why", "x")
    bare_home.ok("witness", "vkey", "--proof", str(tmp_path / "change"))
    whole = json.loads((tmp_path / "change").read_text())
    (tmp_path / "twice").write_text(json.dumps({**whole, "entries": whole["entries"] * 2}))
    verify = ("witness", "verify", str(tmp_path / "twice"), "--vkey", old)
    assert nowhere.refused(*verify)[1] == Code.RECEIPT_INVALID.value
    (entry,) = whole["entries"]
    (tmp_path / "bare").write_text(json.dumps({**whole, "entries": [{**entry, "body": None, "salt": None}]}))
    found = nowhere.ok("witness", "verify", str(tmp_path / "bare"), "--vkey", old)
    assert "rekeyed" not in found
    assert found["complete"] is None


def test_a_production_home_changes_its_key_under_its_passphrase(tmp_path: Path) -> None:
    run = Ifctl(tmp_path / "home")
    secret = {"INFRAFABRIC_PASSPHRASE": "a passphrase of some length"}
    made = run("init", "--export-root", str(tmp_path / "root.key"), "--origin", "example.org/p", "--json", **secret)
    assert made.exit_code == 0, made.output
    old = json.loads(made.stdout)["vkey"]
    assert run.refused("witness", "rotate-key", "--why", "x")[1] == Code.PASSPHRASE_REQUIRED.value
    for args in (["--why", "x"], ["--finish", "--why", "x"]):
        result = run("witness", "rotate-key", *args, "--json", **secret)
        assert result.exit_code == 0, result.output
    key = json.loads((run.home / "keys" / "log.key").read_text())
    assert key["protection"]["kind"] == "argon2id-secretbox"
    assert run("target", "add", "vmix@b", "--why", "x", **secret).exit_code == 0
    assert vkey(run) != old


@pytest.mark.parametrize("text", ["", "0d", "3661d", "1w", "-1d", "1.5d", "10", "٣d", "99999999999d"])
def test_an_overlap_is_a_time_up_to_ten_years(text: str, bare_home: Ifctl) -> None:
    with pytest.raises(FabricError) as caught:
        parse_overlap(text)
    assert caught.value.code is Code.USAGE


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["rotate-key"], Code.WHY_REQUIRED),
        (["rotate-key", "--finish"], Code.WHY_REQUIRED),
        (["rotate-key", "--finish", "--overlap", "1d", "--why", "x"], Code.USAGE),
        (["rotate-key", "--overlap", "soon", "--why", "x"], Code.USAGE),
        (["rotate-key", "--finish", "--why", "x"], Code.USAGE),
        (["end-origin", "example.org/next"], Code.WHY_REQUIRED),
        (["end-origin", "two words", "--why", "x"], Code.NAME_INVALID),
        (["end-origin", "example.org/test", "--why", "x"], Code.USAGE),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_wrong_input_changes_nothing(bare_home: Ifctl, args: list[str], code: Code) -> None:
    before = bare_home.ok("witness", "checkpoint"), sorted(path.name for path in (bare_home.home / "keys").iterdir())
    assert bare_home.refused("witness", *args)[:2] == (2, code.value)
    after = bare_home.ok("witness", "checkpoint"), sorted(path.name for path in (bare_home.home / "keys").iterdir())
    assert after == before
