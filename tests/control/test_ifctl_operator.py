"""What operators change by ifctl: targets, talents, grants, secrets, trust; each refused without a reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from homes import VMIX, Ifctl

from infrafabric.kernel.errors import Code

CHANGES: list[list[str]] = [
    ["target", "add", "vmix@b"],
    ["target", "set", "vmix@studio-a", "VMIX_PORT=2"],
    ["target", "remove", "vmix@studio-a"],
    ["talent", "add", "--name", "Finance.Agent"],
    ["talent", "grant", "--name", "operator", "--capability", "vmix.switcher"],
    ["talent", "revoke", "--name", "operator"],
    ["secret", "set", "TOKEN"],
    ["secret", "remove", "TOKEN"],
    ["trust", "publisher", "other", "--key", "own", "--pattern", "obs.*"],
    ["trust", "allow", "vmix.switcher@1.2.0"],
    ["trust", "revoke", "vmix.switcher@1.2.0"],
    ["trust", "rotate"],
    ["trust", "renew"],
    ["trust", "roots", "--root", "own", "--threshold", "1"],
    ["trust", "adopt", "proposal.json"],
    ["trust", "grace", "--until", "2099-01-01"],
    ["adapter", "remove", "vmix.switcher@1.2.0"],
    ["witness", "erase", "0"],
    ["witness", "reopen", "example.org/next"],
    ["witness", "rotate-key"],
    ["witness", "rotate-key", "--finish"],
    ["witness", "end-origin", "example.org/next"],
    ["capability", "apply", "vmix.switcher", "--scene", "Intro"],
    ["capability", "undo", "01a1fdbc-e9ff-7dbe-8d3f-578e46acbbca"],
    ["capability", "close", "01a1fdbc-e9ff-7dbe-8d3f-578e46acbbca", "done"],
]


def entries(run: Ifctl, **wanted: str) -> list[dict[str, Any]]:
    options = [word for name, value in wanted.items() for word in (f"--{name.replace('_', '-')}", value)]
    found: list[dict[str, Any]] = run.ok("witness", "query", *options)["entries"]
    return found


@pytest.mark.parametrize("why", [[], ["--why", ""], ["--why", "  \t"]], ids=["absent", "empty", "blank"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda words: " ".join(words[:2]))
def test_no_change_without_a_reason(vmix_home: Ifctl, change: list[str], why: list[str]) -> None:
    before = vmix_home.ok("witness", "checkpoint")["size"]
    status, code, _ = vmix_home.refused(*change, *why, stdin="a secret of some length")
    assert (status, code) == (2, Code.WHY_REQUIRED.value)
    assert vmix_home.ok("witness", "checkpoint")["size"] == before


def test_a_change_is_recorded_with_its_reason_under_its_trace(bare_home: Ifctl) -> None:
    token = "0123456789abcdef0123456789abcdef"
    bare_home.ok("target", "add", "vmix@b", "--why", "studio B opens", "--trace-token", token)
    (entry,) = entries(bare_home, trace_token="01234567-89ab-cdef-0123-456789abcdef")
    assert entry["kind"] == "target.changed"
    assert entry["body"]["why"] == "studio B opens"
    assert entry["body"]["trace"] == token
    assert entry["body"]["talent"] == "if://person/operator"


def test_a_reason_that_is_a_book_is_refused(bare_home: Ifctl) -> None:
    assert bare_home.refused("target", "add", "vmix@b", "--why", "x" * 2000)[1] == Code.TOO_LARGE.value


# --- targets


def test_a_target_is_added_changed_and_removed(bare_home: Ifctl) -> None:
    bare_home.ok("target", "add", "ha@home", "HA_HOST=h", "HA_PORT=1", "--secret", "HA_TOKEN=vault:HA", "--why", "x")
    bare_home.ok(
        "target", "set", "ha@home", "HA_PORT=2", "--unset", "HA_HOST", "--allow-address", "loopback", "--why", "x"
    )
    (target,) = bare_home.ok("target", "list")["targets"]
    assert target["settings"] == {"HA_PORT": "2"}
    assert target["secrets"] == {"HA_TOKEN": "vault:HA"}
    assert target["allow_addresses"] == ["loopback"]
    bare_home.ok("target", "set", "ha@home", "--deny-address", "loopback", "--why", "x")
    assert bare_home.ok("target", "list")["targets"][0]["allow_addresses"] == []
    bare_home.ok("target", "remove", "ha@home", "--why", "x")
    assert bare_home.ok("target", "list")["targets"] == []


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (["add", "vmix@studio-a"], 1, Code.EXISTS),
        (["add", "vmix"], 2, Code.NAME_INVALID),
        (["add", "VMIX@a"], 2, Code.NAME_INVALID),
        (["add", "vmix@b", "--tenant", "No Such"], 2, Code.NAME_INVALID),
        (["add", "obs@b", "lower=1"], 1, Code.TARGET_SETTINGS),
        (["add", "vmix@b", "VMIX_HSOT=1"], 1, Code.TARGET_SETTINGS),
        (["add", "vmix@b", "VMIX_HOST"], 2, Code.USAGE),
        (["add", "vmix@b", "VMIX_HOST=1", "VMIX_HOST=2"], 2, Code.USAGE),
        (["add", "vmix@b", "--allow-address", "everything"], 2, Code.USAGE),
        (["add", "vmix@b", "--secret", "VMIX_KEY=vault:x"], 1, Code.TARGET_SETTINGS),
        (["add", "obs@b", "--secret", "OBS_KEY=plain text"], 1, Code.SECRET_REFERENCE),
        (["set", "vmix@nowhere", "VMIX_PORT=1"], 1, Code.TARGET_UNKNOWN),
        (["set", "vmix@studio-a"], 2, Code.USAGE),
        (["set", "vmix@studio-a", "--unset", "NOTHING"], 1, Code.TARGET_SETTINGS),
        (["remove", "vmix@nowhere"], 1, Code.TARGET_UNKNOWN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_target_is_refused(vmix_home: Ifctl, args: list[str], status: int, code: Code) -> None:
    before = vmix_home.ok("target", "list")
    assert vmix_home.refused("target", *args, "--why", "x")[:2] == (status, code.value)
    assert vmix_home.ok("target", "list") == before


# --- talents


def test_a_talent_is_added_granted_and_revoked(vmix_home: Ifctl) -> None:
    vmix_home.ok("talent", "add", "--name", "Finance.Agent", "--role", "analyst", "--owner", "operator", "--why", "x")
    vmix_home.ok("talent", "grant", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "x")
    by_id = {one["id"]: one for one in vmix_home.ok("talent", "list")["talents"]}
    agent = by_id["if://agent/Finance.Agent"]
    assert (agent["roles"], agent["owner"]) == (["analyst"], "if://person/operator")
    assert [grant["target"] for grant in agent["grants"]] == ["vmix@studio-a"]
    vmix_home.ok("talent", "revoke", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "x")
    assert (
        vmix_home.refused("talent", "revoke", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "x")[
            1
        ]
        == Code.NOT_GRANTED.value
    )
    vmix_home.ok("talent", "revoke", "--name", "Finance.Agent", "--why", "x")
    by_id = {one["id"]: one for one in vmix_home.ok("talent", "list")["talents"]}
    assert by_id["if://agent/Finance.Agent"]["revoked"] is True
    grant = ("talent", "grant", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "x")
    assert vmix_home.refused(*grant)[1] == Code.TALENT_REVOKED.value


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (["add", "--name", "a b"], 2, Code.NAME_INVALID),
        (["add", "--name", "operator", "--kind", "person"], 1, Code.EXISTS),
        (["add", "--name", "A", "--role", "No Role"], 2, Code.NAME_INVALID),
        (["add", "--name", "A", "--owner", "nobody"], 1, Code.TALENT_UNKNOWN),
        (["add", "--name", "A", "--key", "AAAA"], 1, Code.KEY_INVALID),
        (["add", "--name", "A", "--key", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="], 1, Code.KEY_INVALID),
        (["grant", "--name", "nobody", "--capability", "vmix.switcher"], 1, Code.TALENT_UNKNOWN),
        (["grant", "--name", "operator", "--capability", "vmix"], 2, Code.NAME_INVALID),
        (["grant", "--name", "operator", "--capability", "obs.scene"], 1, Code.TARGET_UNKNOWN),
        (
            ["grant", "--name", "operator", "--capability", "obs.scene", "--on", "vmix@studio-a"],
            1,
            Code.TARGET_MISMATCH,
        ),
        (["grant", "--name", "operator", "--capability", "vmix.switcher", "--scope", "No"], 2, Code.NAME_INVALID),
        (["grant", "--name", "operator"], 2, Code.USAGE),
        (["revoke", "--name", "nobody"], 1, Code.TALENT_UNKNOWN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_talent_or_grant_is_refused(vmix_home: Ifctl, args: list[str], status: int, code: Code) -> None:
    assert vmix_home.refused("talent", *args, "--why", "x")[:2] == (status, code.value)


def test_a_grant_needs_the_target_named_where_there_are_two(vmix_home: Ifctl) -> None:
    vmix_home.ok("target", "add", "vmix@b", "--why", "x")
    grant = ("talent", "grant", "--name", "operator", "--capability", "vmix.switcher", "--why", "x")
    assert vmix_home.refused(*grant)[:2] == (2, Code.TARGET_AMBIGUOUS.value)
    assert vmix_home.ok(*grant, "--on", "vmix@b")["grant"]["target"] == "vmix@b"


def test_a_grant_takes_only_scopes_that_its_manifest_asks_for(vmix_home: Ifctl) -> None:
    grant = ("talent", "grant", "--name", "operator", "--capability", "vmix.switcher", "--why", "x", "--scope")
    status, code, message = vmix_home.refused(*grant, "nonsense:scope")
    assert (status, code) == (1, Code.SCOPE_UNKNOWN.value)
    assert "studio:control" in message
    assert vmix_home.ok(*grant, "studio:control")["grant"]["scopes"] == ["studio:control"]
    assert "only for studio:control" in vmix_home("talent", "list").stdout


def test_a_scope_granted_before_its_adapter_came_holds_to_it(bare_home: Ifctl, tmp_path: Path) -> None:
    bare_home.ok("target", "add", "vmix@a", "VMIX_HOST=127.0.0.1", "VMIX_PORT=1", "--why", "x")
    grant = ("talent", "grant", "--name", "operator", "--capability", "vmix.audio", "--why", "x")
    bare_home.ok(*grant, "--scope", "nonsense:scope")
    bare_home.ok("trust", "publisher", "acme", "--key", "own", "--pattern", "vmix.*", "--why", "x")
    bare_home.ok("adapter", "sign", str(VMIX), "--manifest", "audio.yaml", "--out", str(tmp_path / "bundle"))
    version = bare_home.ok("adapter", "install", str(tmp_path / "bundle"))["version"]
    bare_home.ok("trust", "allow", f"vmix.audio@{version}", "--why", "x")
    (tmp_path / "intent").write_text("{}")
    plan = ("capability", "plan", "vmix.audio", "--intent", str(tmp_path / "intent"))
    status, code, message = bare_home.refused(*plan)
    assert (status, code) == (1, Code.DENIED.value)
    assert "grants/scopes" in message


def test_a_target_takes_its_grants_with_it(vmix_home: Ifctl) -> None:
    vmix_home.ok("target", "add", "vmix@b", "--why", "x")
    grant = ("talent", "grant", "--name", "operator", "--capability", "vmix.switcher", "--why", "x", "--on")
    vmix_home.ok(*grant, "vmix@b")
    before = vmix_home.ok("witness", "checkpoint")["size"]
    removed = vmix_home.ok("target", "remove", "vmix@studio-a", "--why", "the studio closes")
    assert [one["target"] for one in removed["revoked"]] == ["vmix@studio-a"]
    assert vmix_home.ok("witness", "checkpoint")["size"] == before + 2
    newest = entries(vmix_home, limit="2")
    assert {(row["kind"], row["body"]["change"], row["body"]["why"]) for row in newest} == {
        ("target.changed", "removed", "the studio closes"),
        ("grant.changed", "revoked", "the studio closes"),
    }
    vmix_home.ok("target", "add", "vmix@studio-a", "VMIX_HOST=127.0.0.1", "VMIX_PORT=1", "--why", "again")
    (operator,) = vmix_home.ok("talent", "list")["talents"]
    assert [one["target"] for one in operator["grants"]] == ["vmix@b"]


def test_a_grant_on_a_target_that_is_gone_is_taken_back(bare_home: Ifctl) -> None:
    """As homes hold them whose targets were removed before removing took the grants along."""
    import asyncio

    from infrafabric.control.home import Home
    from infrafabric.control.house import open_house
    from infrafabric.keys.passphrase import Passphrase

    bare_home.ok("target", "add", "vmix@a", "--why", "x")
    bare_home.ok("target", "add", "vmix@b", "--why", "x")
    grant = ("--name", "operator", "--capability", "vmix.switcher", "--why", "x")
    for name in ("vmix@a", "vmix@b"):
        bare_home.ok("talent", "grant", *grant, "--on", name)

    async def forget() -> None:
        async with open_house(Home.open(bare_home.home), "operating", passphrase=Passphrase()) as house:
            operator = house.operator("0123456789abcdef0123456789abcdef")
            await house.record(operator.target(house.authority.target("vmix@a"), "x", "removed"))

    asyncio.run(forget())
    assert bare_home.refused("talent", "revoke", *grant)[:2] == (2, Code.TARGET_AMBIGUOUS.value)
    revoked = bare_home.ok("talent", "revoke", *grant, "--on", "vmix@a")
    assert (revoked["change"], revoked["grant"]["target"]) == ("revoked", "vmix@a")
    assert bare_home.refused("talent", "revoke", *grant, "--on", "vmix@a")[1] == Code.NOT_GRANTED.value


# --- secrets


def test_a_secret_is_kept_from_stdin_file_and_environment(
    bare_home: Ifctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("A_SECRET", "from the environment")
    bare_home.ok("secret", "set", "PIPED", "--why", "x", stdin="from stdin, a line\n")
    bare_home.ok("secret", "set", "FILED", "--why", "x", "--from-file", str(tmp_path / "secret"))
    bare_home.ok("secret", "set", "GIVEN", "--why", "x", "--from-env", "A_SECRET")
    assert bare_home.ok("secret", "list")["secrets"] == ["FILED", "GIVEN", "PIPED"]
    bare_home.ok("secret", "remove", "FILED", "--why", "x")
    assert bare_home.ok("secret", "list")["secrets"] == ["GIVEN", "PIPED"]
    changed = [(row["body"]["name"], row["body"]["change"]) for row in entries(bare_home, kind="secret.changed")]
    assert changed == [("FILED", "removed"), ("GIVEN", "set"), ("FILED", "set"), ("PIPED", "set")]


@pytest.mark.parametrize(
    ("args", "stdin", "code"),
    [
        (["set", "TOKEN"], "short", Code.SECRET_TOO_SHORT),
        (["set", "TOKEN"], "", Code.SECRET_TOO_SHORT),
        (["set", "TOKEN"], b"\xff\xfe\xfd long enough", Code.SECRET_NOT_TEXT),
        (["set", "TOKEN"], "x" * 40_000, Code.TOO_LARGE),
        (["set", "1TOKEN"], "long enough for one", Code.NAME_INVALID),
        (["set", "TOKEN", "--from-file", "/nowhere/at/all"], None, Code.FILE_UNREADABLE),
        (["set", "TOKEN", "--from-env", "NO_SUCH_VARIABLE_HERE"], None, Code.SECRET_UNKNOWN),
        (["set", "TOKEN", "--from-env", "A", "--from-file", "b"], None, Code.USAGE),
        (["remove", "TOKEN"], None, Code.SECRET_UNKNOWN),
    ],
)
def test_a_wrong_secret_is_refused_and_nothing_recorded(
    bare_home: Ifctl, args: list[str], stdin: str | bytes | None, code: Code
) -> None:
    before = bare_home.ok("witness", "checkpoint")["size"]
    assert bare_home.refused("secret", *args, "--why", "x", stdin=stdin)[1] == code.value
    assert bare_home.ok("witness", "checkpoint")["size"] == before


def test_a_reason_that_holds_the_secret_is_refused(bare_home: Ifctl) -> None:
    value = "correct horse battery"
    refused = bare_home.refused("secret", "set", "TOKEN", "--why", f"it is {value}", stdin=value)
    assert refused[1] == Code.ARGUMENT_SECRET.value


# --- trust


def test_trust_changes_rise_in_version_and_are_recorded(vmix_home: Ifctl) -> None:
    before = vmix_home.ok("trust", "show")
    changed = vmix_home.ok("trust", "renew", "--days", "10", "--why", "audit")
    assert changed["version"] == before["version"] + 1
    after = vmix_home.ok("trust", "show")
    assert (after["version"], after["digest"]) == (changed["version"], changed["digest"])
    newest = entries(vmix_home, kind="trust.changed")[0]["body"]
    assert (newest["version"], newest["digest"], newest["why"]) == (after["version"], after["digest"], "audit")


def test_a_trust_set_about_to_expire_is_warned_of(vmix_home: Ifctl) -> None:
    vmix_home.ok("trust", "renew", "--days", "5", "--why", "x")
    assert "the trust set expires" in vmix_home("talent", "list").stderr


def test_what_is_revoked_is_not_usable(vmix_home: Ifctl) -> None:
    assert [row["usable"] for row in vmix_home.ok("capability", "list")["capabilities"]] == [True]
    vmix_home.ok("trust", "revoke", "vmix.switcher@1.2.0", "--why", "a fault")
    (row,) = vmix_home.ok("capability", "list")["capabilities"]
    assert row["reason"]["code"] == Code.DIGEST_REVOKED.value
    assert vmix_home.refused("capability", "plan", "vmix.switcher", "--scene", "x")[1] == Code.DIGEST_REVOKED.value


def test_the_root_key_rotates_and_the_old_one_signs_no_more(vmix_home: Ifctl) -> None:
    before = vmix_home.ok("trust", "show")["root_keys"]
    vmix_home.ok("trust", "rotate", "--why", "yearly")
    after = vmix_home.ok("trust", "show")["root_keys"]
    assert set(before).isdisjoint(after)
    vmix_home.ok("trust", "renew", "--why", "with the new key")


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (["publisher", "other", "--key", "AAAA", "--pattern", "obs.*"], 1, Code.KEY_INVALID),
        (["publisher", "other", "--key", "own", "--pattern", "*"], 1, Code.TRUST_INVALID),
        (["publisher", "nobody", "--remove"], 2, Code.NAME_INVALID),
        (["publisher", "other", "--key", "own", "--pattern", "obs.*", "--remove"], 2, Code.USAGE),
        (["allow", "vmix.switcher"], 2, Code.NAME_INVALID),
        (["allow", "vmix.switcher@9.9.9"], 1, Code.CAPABILITY_UNKNOWN),
        (["allow", "vmix.switcher@1.2.0", "--digest", "sha256:" + "0" * 64], 1, Code.CAPABILITY_UNKNOWN),
        (["revoke", "obs.scene@1.0.0"], 1, Code.NOT_ALLOWED),
        (["revoke", "sha256:short"], 1, Code.TRUST_INVALID),
        (["revoke", "no key at all"], 1, Code.KEY_INVALID),
        (["renew", "--days", "0"], 2, Code.USAGE),
        (["renew", "--root-key", "/nowhere"], 1, Code.KEY_MISSING),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_trust_change_is_refused(vmix_home: Ifctl, args: list[str], status: int, code: Code) -> None:
    before = vmix_home.ok("trust", "show")
    assert vmix_home.refused("trust", *args, "--why", "x")[:2] == (status, code.value)
    assert vmix_home.ok("trust", "show") == before


# --- homes


def test_a_production_home_keeps_no_root_key_and_wants_its_passphrase(tmp_path: Path) -> None:
    run = Ifctl(tmp_path / "home")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase of some length\n")
    passphrase.chmod(0o600)
    exported = tmp_path / "root.key"
    given = ("--passphrase-file", str(passphrase))
    made = run.ok("init", "--export-root", str(exported), "--origin", "example.org/studio", *given)
    assert (made["kind"], made["origin"]) == ("production", "example.org/studio")
    assert not (tmp_path / "home" / "keys" / "root.key").exists()
    assert json.loads(exported.read_text())["protection"]["kind"] == "argon2id-secretbox"
    assert len(run.ok("talent", "list")["talents"]) == 1  # reading takes no passphrase
    assert run.refused("target", "add", "vmix@a", "--why", "x")[1] == Code.PASSPHRASE_REQUIRED.value
    run.ok("target", "add", "vmix@a", "--why", "x", *given)
    assert run.refused("trust", "renew", "--why", "x", *given)[1] == Code.KEY_MISSING.value
    run.ok("trust", "renew", "--why", "x", "--root-key", str(exported), *given)
    sign = ("adapter", "sign", str(VMIX), "--manifest", "audio.yaml", "--out", str(tmp_path / "bundle"))
    assert run.refused(*sign)[1] == Code.PASSPHRASE_REQUIRED.value
    assert run.ok(*sign, *given)["key"] == made["keys"]["publisher"]
    fresh = tmp_path / "root-2.key"
    rotate = ("trust", "rotate", "--why", "x", "--root-key", str(exported), *given)
    assert run.refused(*rotate)[1] == Code.PRODUCTION_ONLY.value
    run.ok(*rotate, "--export-root", str(fresh))
    assert not list((tmp_path / "home" / "keys").glob("root*.key"))
    renew = ("trust", "renew", "--why", "x", *given, "--root-key")
    assert run.refused(*renew, str(exported))[1] == Code.TRUST_THRESHOLD.value
    run.ok(*renew, str(fresh))
    passphrase.write_text("another passphrase altogether\n")
    assert run.refused("target", "add", "vmix@b", "--why", "x", *given)[1] == Code.PASSPHRASE_WRONG.value


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (["--development", "--origin", "two words"], 2, Code.NAME_INVALID),
        (["--development", "--origin", "a+b"], 2, Code.NAME_INVALID),
        ([], 2, Code.USAGE),
    ],
)
def test_a_wrong_init_leaves_nothing(tmp_path: Path, args: list[str], status: int, code: Code) -> None:
    assert Ifctl(tmp_path / "home").refused("init", *args)[:2] == (status, code.value)
    assert list(tmp_path.iterdir()) == []


def test_init_does_not_touch_what_is_there(bare_home: Ifctl) -> None:
    before = bare_home.ok("witness", "vkey")
    assert bare_home.refused("init", "--development")[1] == Code.HOME_EXISTS.value
    assert bare_home.ok("witness", "vkey") == before


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_new_home_is_its_owners_alone(bare_home: Ifctl) -> None:
    open_to_others = [path for path in bare_home.home.rglob("*.key") if path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert bare_home.home.stat().st_mode & 0o077 == 0


# --- adapters


def test_a_bundle_is_installed_but_allows_nothing_by_itself(bare_home: Ifctl, tmp_path: Path) -> None:
    signed = bare_home.ok("adapter", "sign", str(VMIX), "--manifest", "audio.yaml", "--out", str(tmp_path / "bundle"))
    installed = bare_home.ok("adapter", "install", str(tmp_path / "bundle"))
    assert installed["digest"] == signed["digest"]
    (row,) = bare_home.ok("capability", "list")["capabilities"]
    assert (row["usable"], row["reason"]["code"]) == (False, Code.PUBLISHER_UNKNOWN.value)
    bare_home.ok("adapter", "remove", f"vmix.audio@{installed['version']}", "--why", "not needed")
    assert bare_home.ok("capability", "list")["capabilities"] == []


def test_a_folder_of_several_manifests_wants_one_named(bare_home: Ifctl, tmp_path: Path) -> None:
    refused = bare_home.refused("adapter", "sign", str(VMIX), "--out", str(tmp_path / "bundle"))
    assert refused[1] == Code.MANIFEST_INVALID.value
    assert "switcher.yaml" in refused[2]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["install", "/nowhere/at/all"], Code.BUNDLE_MISSING),
        (["sign", "/nowhere/at/all", "--out", "x"], Code.FILE_UNREADABLE),
        (["check", "/nowhere/at/all"], Code.FILE_UNREADABLE),
        (["new", str(VMIX)], Code.EXISTS),
        (["remove", "vmix.switcher@1.0.0", "--why", "x"], Code.CAPABILITY_UNKNOWN),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_wrong_adapter_command_is_refused(bare_home: Ifctl, args: list[str], code: Code) -> None:
    assert bare_home.refused("adapter", *args)[1] == code.value


def test_an_unknown_signing_key_is_refused(bare_home: Ifctl, tmp_path: Path) -> None:
    sign = ("adapter", "sign", str(VMIX), "--manifest", "audio.yaml", "--out", str(tmp_path / "b"))
    assert bare_home.refused(*sign, "--key", "stranger")[1] == Code.KEY_MISSING.value
    assert not (tmp_path / "b").exists()
