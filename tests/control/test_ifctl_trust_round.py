"""A trust set that two people sign: proposed in one home, signed in both, adopted in the first."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.kernel.errors import Code


@pytest.fixture
def second(tmp_path: Path) -> Ifctl:
    """Another machine, whose root key is its own."""
    run = Ifctl(tmp_path / "second")
    run.ok("init", "--development", "--origin", "example.org/second")
    return run


def root_of(run: Ifctl) -> str:
    (key,) = run.ok("trust", "show")["root_keys"]
    return str(key)


def test_two_machines(bare_home: Ifctl, second: Ifctl, tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{number}.json") for number in range(6)]
    roots = ["--root", root_of(bare_home), "--root", root_of(second), "--threshold", "2"]
    proposed = bare_home.ok("trust", "roots", *roots, "--propose", paths[0], "--why", "two people")
    assert (proposed["signers"], proposed["missing"]) == ([], 2)
    assert bare_home.ok("trust", "sign", paths[0], "--out", paths[1], "--yes")["missing"] == 1
    assert bare_home.refused("trust", "adopt", paths[1], "--why", "x")[1] == Code.TRUST_THRESHOLD.value
    assert bare_home.refused("trust", "sign", paths[0], "--out", paths[2])[1] == Code.USAGE.value
    signed = second.ok("trust", "sign", paths[1], "--out", paths[2], "--yes")
    assert signed["missing"] == 0
    assert any("threshold" in line for line in signed["changes"])
    bare_home.ok("trust", "adopt", paths[2], "--why", "two people")
    assert bare_home.ok("trust", "show")["threshold"] == 2

    renew = ("trust", "renew", "--days", "20", "--why", "x")
    assert bare_home.refused(*renew)[1] == Code.TRUST_THRESHOLD.value
    bare_home.ok(*renew, "--propose", paths[3])
    bare_home.ok("trust", "sign", paths[3], "--out", paths[4], "--yes")
    second.ok("trust", "sign", paths[4], "--out", paths[5], "--yes")
    assert bare_home.ok("trust", "adopt", paths[5], "--why", "x")["version"] == 3
    assert bare_home.refused("trust", "adopt", paths[5], "--why", "x")[1] == Code.TRUST_ROLLBACK.value


def test_a_home_vouches_for_the_present_set(bare_home: Ifctl, second: Ifctl, tmp_path: Path) -> None:
    proposal, out = str(tmp_path / "proposal.json"), str(tmp_path / "signed.json")
    bare_home.ok("trust", "renew", "--propose", proposal, "--why", "x")
    digest = bare_home.ok("trust", "show")["digest"]
    sign = ("trust", "sign", proposal, "--out", out, "--yes")
    assert bare_home.refused(*sign, "--present", "sha256:" + "0" * 64)[1] == Code.TRUST_ROLLBACK.value
    elsewhere = second(*sign)
    assert f"this home holds another trust set, {second.ok('trust', 'show')['digest']}" in elsewhere.stderr
    assert digest in elsewhere.stderr
    assert elsewhere.exit_code == 1  # it holds no root key of that set
    bare_home.ok("trust", "renew", "--days", "20", "--why", "x")
    assert bare_home.refused(*sign)[1] == Code.TRUST_ROLLBACK.value
    assert not Path(out).exists()
    bare_home.ok("trust", "renew", "--propose", str(tmp_path / "next.json"), "--why", "x")
    signed = bare_home("trust", "sign", str(tmp_path / "next.json"), "--out", out, "--yes")
    assert (signed.exit_code, Path(out).exists()) == (0, True)
    assert "the set that this home holds" in signed.stderr


def test_who_holds_no_root_key_cannot_sign(bare_home: Ifctl, second: Ifctl, tmp_path: Path) -> None:
    proposal, out = tmp_path / "proposal.json", tmp_path / "signed.json"
    bare_home.ok("trust", "renew", "--propose", str(proposal), "--why", "x")
    assert second.refused("trust", "sign", str(proposal), "--out", str(out), "--yes")[1] == Code.TRUST_SIGNER.value
    assert not out.exists()


def test_a_machine_without_a_home_signs_by_a_key_file(tmp_path: Path) -> None:
    given, key = tmp_path / "passphrase", tmp_path / "root.key"
    given.write_text("a passphrase of some length")
    given.chmod(0o600)
    using = ("--passphrase-file", str(given))
    run, homeless = Ifctl(tmp_path / "home"), Ifctl(tmp_path / "nothing")
    run.ok("init", "--origin", "example.org/production", "--export-root", str(key), *using)
    proposal, signed = str(tmp_path / "proposal.json"), str(tmp_path / "signed.json")
    run.ok("trust", "renew", "--propose", proposal, "--why", "x", *using)
    sign = ("trust", "sign", proposal, "--root-key", str(key), "--out", signed, "--yes", *using)
    digest = run.ok("trust", "show", *using)["digest"]
    wrong = homeless.refused(*sign, "--present", "sha256:" + "0" * 64)
    assert wrong[1] == Code.TRUST_ROLLBACK.value and digest in wrong[2]
    homeless.ok(*sign, "--present", digest)
    Path(signed).unlink()
    told = homeless(*sign)
    assert (told.exit_code, f"compare {digest}" in told.stderr) == (0, True)
    assert run.ok("trust", "adopt", signed, "--why", "x", *using)["version"] == 2
    assert not homeless.home.exists()
