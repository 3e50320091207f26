"""`ifctl secret`: rotation with an overlap, and which targets may use a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.kernel.errors import Code

FIRST, SECOND = "the first value", "the second value"


@pytest.fixture
def secret_home(bare_home: Ifctl) -> Ifctl:
    bare_home.ok("secret", "set", "TOKEN", "--why", "x", stdin=FIRST)
    return bare_home


def kept(run: Ifctl, name: str = "TOKEN") -> dict[str, Any]:
    found: dict[str, Any] = run.ok("secret", "list")["kept"][name]
    return found


def changes(run: Ifctl) -> list[dict[str, Any]]:
    rows = run.ok("witness", "query", "--kind", "secret.changed")["entries"]
    return [row["body"] for row in reversed(rows)]


def test_a_rotation_is_shown_recorded_and_taken_back(secret_home: Ifctl) -> None:
    before = datetime.now(UTC)
    answer = secret_home.ok("secret", "rotate", "TOKEN", "--overlap", "2h", "--why", "it is old", stdin=SECOND)
    until = datetime.fromisoformat(answer["until"])
    assert timedelta(hours=2) - timedelta(seconds=1) <= until - before <= timedelta(hours=2, seconds=60)
    (shown,) = kept(secret_home)["former_until"]
    assert datetime.fromisoformat(shown) == until, "the vault lets go of it when the log says"
    secret_home.ok("secret", "rotate", "TOKEN", "--back", "--why", "the door does not know it")
    recorded = changes(secret_home)
    assert [(body["change"], body["why"]) for body in recorded] == [
        ("set", "x"),
        ("rotated", "it is old"),
        ("returned", "the door does not know it"),
    ]
    assert recorded[1]["until"] == answer["until"]
    assert FIRST not in str(recorded) and SECOND not in str(recorded)


def test_without_an_overlap_there_is_nothing_to_go_back_to(secret_home: Ifctl) -> None:
    secret_home.ok("secret", "rotate", "TOKEN", "--overlap", "0s", "--why", "it leaked", stdin=SECOND)
    assert kept(secret_home)["former_until"] == []
    assert secret_home.refused("secret", "rotate", "TOKEN", "--back", "--why", "x")[1] == Code.SECRET_NO_FORMER.value


def test_the_end_of_an_overlap_is_an_entry(secret_home: Ifctl) -> None:
    secret_home.ok("secret", "rotate", "TOKEN", "--overlap", "1s", "--why", "x", stdin=SECOND)
    give_up = datetime.now(UTC) + timedelta(seconds=30)
    while [body["change"] for body in changes(secret_home)] != ["set", "rotated", "ended"]:
        assert datetime.now(UTC) < give_up
        assert kept(secret_home)["referred_by"] == []  # opens the home to change it


@pytest.mark.parametrize(
    ("args", "stdin", "code"),
    [
        (["rotate", "TOKEN"], FIRST, Code.SECRET_UNCHANGED),
        (["rotate", "TOKEN"], "short", Code.SECRET_TOO_SHORT),
        (["rotate", "NONE"], SECOND, Code.SECRET_UNKNOWN),
        (["rotate", "TOKEN", "--back"], None, Code.SECRET_NO_FORMER),
        (["rotate", "TOKEN", "--back", "--from-env", "HOME"], None, Code.USAGE),
        (["rotate", "TOKEN", "--overlap", "soon"], SECOND, Code.USAGE),
        (["rotate", "TOKEN", "--overlap", "91d"], SECOND, Code.USAGE),
        (["rotate", "TOKEN", SECOND], None, Code.USAGE),
        (["allow", "TOKEN"], None, Code.USAGE),
        (["allow", "TOKEN", "--any", "--for", "ha@home"], None, Code.USAGE),
        (["allow", "TOKEN", "--for", "nothing like a target"], None, Code.NAME_INVALID),
        (["allow", "TOKEN", "--tenant", "NOT A TENANT"], None, Code.NAME_INVALID),
        (["allow", "NONE", "--any"], None, Code.SECRET_UNKNOWN),
    ],
)
def test_what_is_refused_changes_and_records_nothing(
    secret_home: Ifctl, args: list[str], stdin: str | None, code: Code
) -> None:
    before = kept(secret_home)
    assert secret_home.refused("secret", *args, "--why", "x", stdin=stdin)[1] == code.value
    assert kept(secret_home) == before
    assert [body["change"] for body in changes(secret_home)] == ["set"]


def test_a_reason_that_holds_a_value_old_or_new_is_refused(secret_home: Ifctl) -> None:
    for reason in (f"was {FIRST}", f"is {SECOND}"):
        refused = secret_home.refused("secret", "rotate", "TOKEN", "--why", reason, stdin=SECOND)
        assert refused[1] == Code.ARGUMENT_SECRET.value
    secret_home.ok("secret", "rotate", "TOKEN", "--why", "x", stdin=SECOND)
    refused = secret_home.refused("secret", "allow", "TOKEN", "--any", "--why", f"was {FIRST}")
    assert refused[1] == Code.ARGUMENT_SECRET.value


def test_who_may_use_it_is_shown_beside_who_refers_to_it(secret_home: Ifctl) -> None:
    secret_home.ok("target", "add", "ha@home", "--secret", "HA_TOKEN=vault:TOKEN", "--why", "x")
    secret_home.ok("target", "add", "ha@old", "--secret", "HA_TOKEN=vault:TOKEN@former", "--why", "x")
    everyone = {"targets": [], "tenant": "", "referred_by": ["ha@home", "ha@old"], "former_until": []}
    assert kept(secret_home) == everyone
    allowed = secret_home("secret", "allow", "TOKEN", "--for", "ha@home", "--for", "ha@new", "--why", "x")
    assert allowed.exit_code == 0
    assert "ha@old refers to vault:TOKEN and may not use it" in allowed.stderr
    assert "there is no target ha@new yet" in allowed.stderr
    assert "ha@home" not in allowed.stderr
    assert kept(secret_home) == {**everyone, "targets": ["ha@home", "ha@new"]}
    secret_home.ok("secret", "allow", "TOKEN", "--tenant", "studio-a", "--why", "x")
    assert kept(secret_home) == {**everyone, "tenant": "studio-a"}
    secret_home.ok("secret", "allow", "TOKEN", "--any", "--why", "x")
    assert kept(secret_home) == everyone
    said = [(body["change"], body.get("targets", []), body.get("of_tenant", "")) for body in changes(secret_home)]
    assert said == [
        ("set", [], ""),
        ("allowed", ["ha@home", "ha@new"], ""),
        ("allowed", [], "studio-a"),
        ("allowed", [], ""),
    ]


def test_a_backend_of_the_settings_is_checked_before_anything_acts(vmix_home: Ifctl) -> None:
    settings = vmix_home.home / "infrafabric.toml"
    settings.write_text('[secrets.hashicorp]\naddress = "http://vault.example"\ntoken = "env:T"\n')
    refused = vmix_home.refused("capability", "apply", "vmix.switcher", "--set", "input=1", "--why", "x")
    assert refused[1] == Code.SETTINGS_INVALID.value
    assert "secrets.hashicorp.address" in refused[2]
    settings.write_text("[secrets.hashicrop]\na = 1\n")
    refused = vmix_home.refused("capability", "apply", "vmix.switcher", "--set", "input=1", "--why", "x")
    assert (refused[1], refused[2]) == (Code.SETTINGS_INVALID.value, "secrets.hashicrop belongs to no loaded extension")


@pytest.mark.parametrize("reference", ["keyring:service/user", "hashicorp:studio/ha#token", "x-shelf:thing"])
def test_a_target_may_refer_to_what_is_kept_elsewhere(bare_home: Ifctl, reference: str) -> None:
    answer = bare_home.ok("target", "add", "ha@home", "--secret", f"HA_TOKEN={reference}", "--why", "x")
    assert answer["target"]["secrets"] == {"HA_TOKEN": reference}
