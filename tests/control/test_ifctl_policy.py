"""`ifctl policy`, and the examples of docs/policy.md."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.control import making
from infrafabric.control.home import write_atomically
from infrafabric.kernel.canonical import loads
from infrafabric.kernel.words.claims import Claim

PAGE = Path(__file__).parents[2].joinpath("docs", "policy.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_pages_examples_hold(bare_home: Ifctl, tmp_path: Path) -> None:
    (bare_home.home / "policies" / "studio.cedar").write_text(block("cedar"))
    (tmp_path / "cases.yaml").write_text(block("yaml"))
    checked = bare_home.ok("policy", "check")
    assert checked["valid"] and checked["differs"] == {"studio.cedar": "added"}
    tested = bare_home.ok("policy", "test", str(tmp_path / "cases.yaml"))
    assert (tested["missed"], len(tested["cases"])) == (0, 6)
    missing = bare_home("policy", "test", str(tmp_path / "cases.yaml"), "--in-force")
    assert missing.exit_code == 1
    assert "MISS  no titles while on air" in missing.stdout
    assert "- verdict: DENY\n" in missing.stdout and "+ verdict: SHARE\n" in missing.stdout
    loaded = bare_home.ok("policy", "load", "--why", "show hours")
    assert loaded["changed"] == {"studio.cedar": "added"}
    assert bare_home.ok("policy", "test", str(tmp_path / "cases.yaml"), "--in-force")["missed"] == 0
    shown = bare_home.ok("policy", "show")
    assert shown["differs"] == {} and shown["digest"] == loaded["digest"] == checked["digest"]
    assert "two-directors" in [rule["id"] for rule in shown["policies"]]


def test_the_pages_claim_is_one() -> None:
    claim = Claim.model_validate(loads(block("json")))
    assert str(claim.confidence.normalized) == "0.72"


def test_every_hazard_of_the_shipped_adapters_is_covered_by_the_default_policies() -> None:
    from infrafabric.policy.cedar import load_policies
    from infrafabric.policy.files import shipped

    adapters = Path(__file__).parents[2] / "adapters"
    texts = [path.read_text() for path in adapters.glob("*/*.yaml")]
    said = {word.strip() for text in texts for words in re.findall(r"hazards: \[([^\]]+)\]", text)
            for word in words.split(",")}  # fmt: skip
    assert "live-output" in said
    assert said - load_policies(shipped()).hazards() == set()


def test_a_wrong_set_is_told_and_loses_nothing(bare_home: Ifctl) -> None:
    before = bare_home.ok("policy", "show")["digest"]
    path = bare_home.home / "policies" / "default.cedar"
    write_atomically(path, path.read_bytes().replace(b'"read_log"', b'"read_lgo"', 1))
    told = bare_home("policy", "check")
    assert told.exit_code == 1
    assert "default.cedar:17: policy read-log" in told.stdout and "did you mean `read_log`?" in told.stdout
    assert bare_home.refused("policy", "load", "--why", "x")[1] == "IF_ERR_POLICY_INVALID"
    assert bare_home.ok("policy", "show")["digest"] == before


def test_what_holds_already_is_not_loaded_again(bare_home: Ifctl) -> None:
    assert bare_home.refused("policy", "load", "--why", "again")[1] == "IF_ERR_EXISTS"
    assert bare_home.refused("policy", "load")[1] == "IF_ERR_WHY_REQUIRED"


def looks(run: Ifctl) -> dict[str, str]:
    """What the doctor says of the policies."""
    (look,) = [look for look in json.loads(run("doctor", "--json").stdout)["looks"] if look["what"] == "policies"]
    assert isinstance(look, dict)
    return look


def test_a_home_without_policies_is_told_and_takes_those_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was made before there were policies."""
    run = Ifctl(tmp_path / "home")
    with monkeypatch.context() as before:
        before.setattr(making, "shipped", dict)
        run.ok("init", "--development")
    shutil.rmtree(run.home / "policies")
    found = looks(run)
    assert found["state"] == "bad" and "everything is denied" in found["said"]
    assert "ifctl policy load --shipped" in found["remedy"]
    missing = run("policy", "load", "--why", "as before")
    assert missing.exit_code == 1 and "ifctl policy load --shipped" in missing.stderr
    assert run.ok("policy", "load", "--shipped", "--why", "policies at last")["changed"] == {"default.cedar": "added"}
    assert looks(run)["state"] == "good"
    assert run.refused("policy", "load", "--shipped", "--why", "once more")[1] == "IF_ERR_EXISTS"
    (run.home / "policies" / "more.cedar").write_text('@id("all") permit (principal, action, resource);')
    assert looks(run)["state"] == "note" and "the working copy is not: more.cedar added" in looks(run)["said"]


def test_a_hazard_that_is_nearly_spelt_like_another_is_doubted(bare_home: Ifctl) -> None:
    scope = '(principal, action == Action::"apply", resource)'
    text = f'@id("door") forbid {scope} when {{ context.hazards.contains("unlok") }};'
    (bare_home.home / "policies" / "door.cedar").write_text(text)
    assert bare_home.ok("policy", "check")["doubtful_hazards"] == {"unlok": "unlock"}


def test_a_hazard_of_a_target_that_looks_misspelt_is_doubted(vmix_home: Ifctl) -> None:
    change = ("target", "set", "vmix@studio-a", "--hazard")
    for given, near in (("any=saftey", "safety"), ("cut=live-outptu", "live-output")):
        told = vmix_home(*change, given, "--why", "x")
        assert told.exit_code == 0, told.output
        word = given.partition("=")[2]
        assert f"nobody else speaks of the hazard {word}; did you mean {near}?" in told.stderr
    told = vmix_home(*change, "any=safety", "--hazard", "any=pyrotechnics", "--no-hazard", "cut", "--why", "x")
    assert told.exit_code == 0, told.output
    assert "pyrotechnics" not in told.stderr and "hazard safety" not in told.stderr


def test_the_schema_is_printed_whole(bare_home: Ifctl) -> None:
    from infrafabric.policy.schema import schema_text

    assert bare_home("policy", "schema").stdout == schema_text()


def test_a_claim_is_taken_with_the_evidence_that_it_names(vmix_home: Ifctl, tmp_path: Path) -> None:
    (tmp_path / "claim.json").write_text(block("json"))
    (tmp_path / "10-k.txt").write_text("a")
    (tmp_path / "other.txt").write_text("b")
    plan = ("capability", "plan", "vmix.switcher", "--scene", "Intro")
    claim = ("--claim", f"@{tmp_path / 'claim.json'}")
    assert vmix_home.refused(*plan, *claim, "--evidence", str(tmp_path / "other.txt"))[1] == "IF_ERR_CLAIM_INVALID"
    assert vmix_home.refused(*plan, "--evidence", str(tmp_path / "10-k.txt"))[1] == "IF_ERR_CLAIM_INVALID"
    (tmp_path / "bad.json").write_text('{"claim_id": "C", "confidence": {"raw": 2, "normalized": 1}}')
    _, code, message = vmix_home.refused(*plan, "--claim", str(tmp_path / "bad.json"))
    assert code == "IF_ERR_CLAIM_INVALID" and "confidence.raw" in message
