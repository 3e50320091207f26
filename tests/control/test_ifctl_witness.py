"""ifctl witness: the log found, proven, verified offline, anchored, erased, and taken up again after a rollback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.settings import Settings
from infrafabric.control.starting import load_drivers, load_plugins
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.redaction import SecretRedactor


@pytest.fixture
def nowhere(tmp_path: Path) -> Ifctl:
    """ifctl where there is no home: what verifies here trusts nothing but what it was given."""
    return Ifctl(tmp_path / "no home at all")


def test_query_filters(vmix_home: Ifctl) -> None:
    def count(*options: str) -> int:
        return len(vmix_home.ok("witness", "query", *options)["entries"])

    assert count("--kind", "target.changed") == 1
    assert count("--target", "vmix@studio-a") == 2  # the target, and the grant on it
    assert count("--talent", "operator", "--limit", "3") == 3
    assert count("--since", "1h") == count() > 0
    assert count("--since", "2099-01-01T00:00:00Z") == 0
    assert count("--action", "01a1fdbc-e9ff-7dbe-8d3f-578e46acbbca") == 0


def test_entries_are_shown_whole(bare_home: Ifctl) -> None:
    (entry,) = bare_home.ok("witness", "show", "0")["entries"]
    assert entry["leaf"]["kind"] == "origin.opened"
    assert entry["body"]["origin"] == "example.org/test"
    assert "origin.opened" in bare_home("witness", "show", "0").stdout


def test_the_fixed_texts_are_printed_byte_for_byte(bare_home: Ifctl, nowhere: Ifctl, tmp_path: Path) -> None:
    vkey = bare_home("witness", "vkey").stdout.strip()
    assert vkey == bare_home.ok("witness", "vkey")["vkey"]
    assert bare_home("witness", "checkpoint").stdout.startswith("example.org/test\n4\n")
    proof = tmp_path / "entry.tlog-proof"
    proof.write_text(bare_home("witness", "proof", "1").stdout)
    verified = nowhere.ok("witness", "verify", str(proof), "--vkey", vkey)
    assert (verified["form"], verified["size"], verified["entries"][0]["index"]) == ("tlog-proof", 4, 1)
    bare_home.ok("witness", "proof", "1", "--out", str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == proof.read_text()


def test_a_key_that_comes_with_the_file_is_not_trusted(vmix_home: Ifctl, nowhere: Ifctl, tmp_path: Path) -> None:
    """A receipt of another log, whole in itself, does not verify under this log's key."""
    other = Ifctl(tmp_path / "other")
    other.ok("init", "--development", "--origin", "example.org/test")
    (tmp_path / "proof").write_text(other("witness", "proof", "0").stdout)
    vkey = vmix_home.ok("witness", "vkey")["vkey"]
    assert nowhere.refused("witness", "verify", str(tmp_path / "proof"), "--vkey", vkey)[1] == Code.NOTE_INVALID.value
    nowhere.ok("witness", "verify", str(tmp_path / "proof"), "--vkey", other.ok("witness", "vkey")["vkey"])


def test_an_altered_proof_does_not_verify(bare_home: Ifctl, nowhere: Ifctl, tmp_path: Path) -> None:
    vkey = bare_home.ok("witness", "vkey")["vkey"]
    text = bare_home("witness", "proof", "1").stdout
    (tmp_path / "proof").write_text(text.replace("index 1", "index 0"))
    assert nowhere.refused("witness", "verify", str(tmp_path / "proof"), "--vkey", vkey)[1] == Code.PROOF_INVALID.value


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (["query", "--kind", "no.such"], 2, Code.USAGE),
        (["query", "--since", "yesterday"], 2, Code.USAGE),
        (["query", "--trace-token", "short"], 2, Code.NAME_INVALID),
        (["query", "--talent", "nobody"], 1, Code.TALENT_UNKNOWN),
        (["query", "--limit", "0"], 2, Code.USAGE),
        (["show", "99"], 1, Code.ENTRY_UNKNOWN),
        (["show", "9" * 30], 1, Code.ENTRY_UNKNOWN),
        (["show", "no-such-action"], 1, Code.ACTION_UNKNOWN),
        (["proof", "99"], 1, Code.ENTRY_UNKNOWN),
        (["proof", "-1"], 2, Code.USAGE),
        (["proof", "0", "--out", "/nowhere/at/all"], 1, Code.FILE_UNWRITABLE),
        (["verify", "/nowhere/at/all", "--vkey", "x+0+y"], 1, Code.FILE_UNREADABLE),
        (["verify", "--vkey", "x+0+y"], 2, Code.USAGE),
        (["verify", "--tiles", "."], 2, Code.USAGE),
        (["verify", __file__, "--vkey", "no key"], 1, Code.RECEIPT_INVALID),
        (["erase", "99", "--why", "x"], 1, Code.ENTRY_UNKNOWN),
        (["erase", "0", "--why", "x"], 1, Code.ERASE_REFUSED),
        (["reopen", "example.org/next", "--why", "x"], 2, Code.USAGE),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_input_is_refused(bare_home: Ifctl, args: list[str], status: int, code: Code) -> None:
    assert bare_home.refused("witness", *args)[:2] == (status, code.value)


def test_a_body_is_erased_and_its_proof_stays(bare_home: Ifctl) -> None:
    bare_home.ok("target", "add", "vmix@b", "--why", "a word to be forgotten")
    (added,) = bare_home.ok("witness", "query", "--kind", "target.changed")["entries"]
    bare_home.ok("witness", "erase", str(added["index"]), "--why", "asked to")
    (shown,) = bare_home.ok("witness", "show", str(added["index"]))["entries"]
    assert (shown["erased"], shown["body"]) == (True, None)
    assert bare_home.ok("witness", "verify")["erased"] == 1
    kept = [path for path in bare_home.home.rglob("*") if path.is_file() and b"to be forgotten" in path.read_bytes()]
    assert kept == []
    assert bare_home.refused("witness", "erase", str(added["index"]), "--why", "x")[1] == Code.BODY_ERASED.value


def test_a_log_is_checked_cold_against_its_anchor(bare_home: Ifctl, nowhere: Ifctl, tmp_path: Path) -> None:
    anchor, tiles, vkey = tmp_path / "anchor", tmp_path / "tiles", bare_home.ok("witness", "vkey")["vkey"]
    bare_home.ok("witness", "anchor", str(anchor))
    bare_home.ok("target", "add", "vmix@b", "--why", "x")
    bare_home.ok("witness", "export", str(tiles))
    cold = ("witness", "verify", "--from-anchor", str(anchor), "--tiles", str(tiles), "--vkey", vkey)
    assert nowhere.ok(*cold)["verified"] is True
    (checkpoint,) = anchor.iterdir()
    other = Ifctl(tmp_path / "other")
    other.ok("init", "--development", "--origin", "example.org/test")
    checkpoint.write_text(other("witness", "checkpoint").stdout)
    assert nowhere.refused(*cold)[0] == 1


def test_a_damaged_log_is_found_by_verifying_it(bare_home: Ifctl) -> None:
    import sqlite3

    database = sqlite3.connect(bare_home.home / "witness" / "log.db")
    with database:
        database.execute("UPDATE entry SET body = replace(body, 'first trust set', 'other trust set')")
    database.close()
    result = bare_home("witness", "verify", "--json")
    assert json.loads(result.stdout)["error"]["code"] == Code.LOG_DAMAGED.value


def test_a_rolled_back_log_takes_nothing_until_it_is_reopened(bare_home: Ifctl) -> None:
    log = bare_home.home / "witness"
    shutil.copytree(log, bare_home.home / "older")
    bare_home.ok("target", "add", "vmix@a", "--why", "before the disaster")
    for path in log.glob("log.db*"):
        path.unlink()
    for path in (bare_home.home / "older").glob("log.db*"):
        shutil.copy(path, log)
    add = ("target", "add", "vmix@b", "--why", "x")
    assert bare_home.refused(*add)[1] == Code.LOG_ROLLED_BACK.value
    assert bare_home.ok("target", "list")["targets"] == []  # reading goes on

    old_vkey = bare_home.ok("witness", "vkey")["vkey"]
    reopened = bare_home.ok("witness", "reopen", "example.org/next", "--why", "the disk died")
    assert reopened["vkey"] == bare_home.ok("witness", "vkey")["vkey"] != old_vkey
    bare_home.ok(*add)
    assert [target["name"] for target in bare_home.ok("target", "list")["targets"]] == ["vmix@b"]
    assert bare_home.ok("witness", "verify")["verified"] is True


# --- what the settings load


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("extensions = ['no-such-extension']", "no-such-extension"),
        ("[drivers.smoke]\nsignals = true", "drivers.smoke"),
        ("[drivers.http]\nnonsense = true", "nonsense"),
    ],
)
def test_what_the_settings_name_and_is_not_there_stops_the_start(vmix_home: Ifctl, text: str, named: str) -> None:
    (vmix_home.home / "infrafabric.toml").write_text(text)
    _, code, message = vmix_home.refused("capability", "plan", "vmix.switcher", "--scene", "Intro")
    assert code == Code.SETTINGS_INVALID.value
    assert named in message


def test_an_extension_offers_a_driver_and_two_may_not_offer_the_same() -> None:
    from infrafabric.transports.extension import SHIPPED, Offer

    plugins = load_plugins(())
    assert set(load_drivers(plugins, Settings().drivers, SecretRedactor())) == {offer.name for offer in SHIPPED}
    plugins.register(Offer("http", "infrafabric.transports.http.driver:HttpDriver"), name="twin")
    with pytest.raises(FabricError) as refused:
        load_drivers(plugins, {}, SecretRedactor())
    assert refused.value.code == Code.SETTINGS_INVALID


# --- receipts that verify


@pytest.fixture
def receipt(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> tuple[dict[str, Any], str]:
    """The receipt of an action that converged, and the log's key."""
    run, _ = studio
    apply = ("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "x")
    run.ok(*apply, "--receipt", str(tmp_path / "whole"))
    return json.loads((tmp_path / "whole").read_text()), run.ok("witness", "vkey")["vkey"]


def test_a_whole_receipt_says_what_came_of_the_action(
    receipt: tuple[dict[str, Any], str], nowhere: Ifctl, tmp_path: Path
) -> None:
    _, vkey = receipt
    verify = ("witness", "verify", str(tmp_path / "whole"), "--vkey", vkey)
    found = nowhere.ok(*verify)
    assert (found["complete"], found["outcome"], found["code"]) == (True, "converged", "")
    assert found["not_signed"] == ["development"]
    shown = nowhere(*verify).stdout
    assert "outcome  converged" in shown
    assert "Nobody signed this" in shown


def test_a_refusal_is_told_with_its_code(studio: tuple[Ifctl, VmixSimulator], nowhere: Ifctl, tmp_path: Path) -> None:
    run, _ = studio
    apply = ("capability", "apply", "vmix.switcher", "--scene", "Nobody", "--why", "x")
    assert run.refused(*apply, "--receipt", str(tmp_path / "r"))[1] == Code.ADAPTER_REFUSED.value
    found = nowhere.ok("witness", "verify", str(tmp_path / "r"), "--vkey", run.ok("witness", "vkey")["vkey"])
    assert (found["complete"], found["outcome"], found["code"]) == (True, "refused", Code.ADAPTER_REFUSED.value)


@pytest.mark.parametrize(
    ("kept", "said", "outcome"),
    [
        (slice(None, -1), "does not say how the action ended", None),
        (slice(0, 1), "does not say how the action ended", None),
        (slice(1, None), "not with action.received", "converged"),
        (slice(-1, None), "not with action.received", "converged"),
    ],
    ids=["end", "all but the first", "beginning", "all but the last"],
)
def test_a_receipt_that_was_cut_proves_what_it_holds_and_fails(
    receipt: tuple[dict[str, Any], str],
    nowhere: Ifctl,
    tmp_path: Path,
    kept: slice,
    said: str,
    outcome: str | None,
) -> None:
    whole, vkey = receipt
    cut = {**whole, "entries": whole["entries"][kept], "development": False}
    (tmp_path / "cut").write_text(json.dumps(cut))
    verify = ("witness", "verify", str(tmp_path / "cut"), "--vkey", vkey)
    result = nowhere(*verify, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["verified"], found["complete"], found["outcome"]) == (True, False, outcome)
    assert found["error"]["code"] == Code.RECEIPT_INCOMPLETE.value
    assert said in found["error"]["message"]
    assert len(found["entries"]) == len(cut["entries"])
    shown = nowhere(*verify)
    assert shown.exit_code == 1
    assert "verified" in shown.stdout
    assert "IF_ERR_RECEIPT_INCOMPLETE" in shown.stderr


def test_an_outcome_whose_body_is_withheld_is_not_proven(
    receipt: tuple[dict[str, Any], str], nowhere: Ifctl, tmp_path: Path
) -> None:
    whole, vkey = receipt
    whole["entries"][-1].update(body=None, salt=None)
    (tmp_path / "withheld").write_text(json.dumps(whole))
    verify = ("witness", "verify", str(tmp_path / "withheld"), "--vkey", vkey)
    result = nowhere(*verify, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["complete"], found["outcome"], found["code"]) == (False, None, None)
    assert "erased or withheld" in found["error"]["message"]
    assert "outcome  not proven" in nowhere(*verify).stdout


def test_an_erasure_goes_under_the_given_trace(bare_home: Ifctl) -> None:
    bare_home.ok("talent", "add", "--name", "someone", "--why", "a test")
    bare_home.ok("witness", "erase", "3", "--why", "asked to be forgotten", "--trace-token", "cd" * 16)
    (entry,) = bare_home.ok("witness", "query", "--trace-token", "cd" * 16)["entries"]
    assert entry["kind"] == "body.erased"
