"""`ifctl key` and `ifctl identity`: by what callers over HTTP are known."""

from __future__ import annotations

import httpx
from homes import Ifctl

ADD = ("key", "add", "--for", "operator", "--scope", "read", "--why", "a dashboard")


def test_a_key_is_shown_once(bare_home: Ifctl) -> None:
    made = bare_home.ok(*ADD, "--expires", "30d", "--label", "wall")
    (row,) = bare_home.ok("key", "list")["keys"]
    assert row == made["key"]
    assert (row["scopes"], row["label"], row["expired"]) == (["read"], "wall", False)
    secret = made["text"].rsplit("_", 1)[1]
    assert secret not in bare_home("key", "list").output
    assert all(secret.encode() not in path.read_bytes() for path in bare_home.home.rglob("*") if path.is_file())


def test_a_key_is_for_a_talent_that_is_there_and_scopes_that_are(bare_home: Ifctl) -> None:
    assert bare_home.refused(*ADD[:3], "Nobody", *ADD[4:])[1] == "IF_ERR_TALENT_UNKNOWN"
    assert bare_home.refused(*ADD, "--scope", "all")[:2] == (2, "IF_ERR_USAGE")
    assert bare_home.refused(*ADD[:-2])[1] == "IF_ERR_WHY_REQUIRED"
    assert bare_home.refused(*ADD, "--expires", "2001-01-01")[1] == "IF_ERR_USAGE"


def test_a_rotated_key_names_the_one_it_follows(bare_home: Ifctl) -> None:
    old = bare_home.ok(*ADD)["key"]["id"]
    made = bare_home.ok("key", "rotate", old, "--overlap", "12h", "--why", "yearly")
    rows = {row["id"]: row for row in bare_home.ok("key", "list", "--for", "operator")["keys"]}
    assert rows[made["key"]["id"]]["follows"] == old
    assert rows[old]["expires"] == made["old"]["expires"] is not None
    bare_home.ok("key", "rotate", made["key"]["id"], "--overlap", "0s", "--why", "at once")
    assert made["key"]["id"] not in {row["id"] for row in bare_home.ok("key", "list")["keys"]}


def test_a_revoked_key_is_gone(bare_home: Ifctl) -> None:
    name = bare_home.ok(*ADD)["key"]["id"]
    assert bare_home.ok("key", "revoke", name, "--why", "leaked")["change"] == "revoked"
    assert bare_home.ok("key", "list")["keys"] == []
    assert bare_home.refused("key", "revoke", name, "--why", "again")[1] == "IF_ERR_API_KEY_UNKNOWN"


def test_tables_tell_keys_apart(bare_home: Ifctl) -> None:
    assert "no API keys yet" in bare_home("key", "list").output
    shown = bare_home(*ADD, "--label", "wall").output
    assert "it is shown this once" in shown
    assert "ifk_" in shown
    assert all(word in bare_home("key", "list").output for word in ("if://person/operator", "read", "wall"))


SUBJECT = ("--issuer", "https://id.example.org", "--subject", "248289761001")


def test_a_subject_is_a_talent_until_that_is_revoked(bare_home: Ifctl) -> None:
    made = bare_home.ok("identity", "add", *SUBJECT, "--for", "operator", "--why", "on call")["identity"]
    assert (made["talent"], made["taken"]) == ("if://person/operator", False)
    assert bare_home.ok("identity", "list")["identities"] == [made]
    (bare_home.home / "infrafabric.toml").write_text(
        '[[serve.oidc]]\nissuer = "https://id.example.org"\naudience = "infrafabric"\n'
    )
    assert bare_home.ok("identity", "list")["identities"][0]["taken"] is True
    assert "taken" in bare_home("identity", "list").output
    bare_home.ok("identity", "revoke", *SUBJECT, "--why", "left")
    assert bare_home.ok("identity", "list")["identities"] == []
    assert bare_home.refused("identity", "revoke", *SUBJECT, "--why", "x")[1] == "IF_ERR_IDENTITY_UNKNOWN"


def test_a_subject_is_one_talent_at_a_time(bare_home: Ifctl) -> None:
    bare_home.ok("talent", "add", "--name", "Other", "--why", "x")
    bare_home.ok("identity", "add", *SUBJECT, "--for", "operator", "--why", "x")
    assert bare_home.refused("identity", "add", *SUBJECT, "--for", "Other", "--why", "x")[1] == "IF_ERR_EXISTS"
    assert bare_home.refused("identity", "add", "--issuer", "ftp://x", *SUBJECT[2:], "--for", "Other", "--why", "x")[
        1
    ] == ("IF_ERR_USAGE")


def test_a_console_link_is_of_a_kernel_that_serves(bare_home: Ifctl) -> None:
    assert bare_home.refused("console")[1] == "IF_ERR_SERVER_UNREACHABLE"


def test_a_console_link_opens_one_session_as_whom_it_names(bare_home: Ifctl) -> None:
    bare_home.ok("talent", "add", "--name", "Ada", "--kind", "person", "--why", "she is on call")
    with bare_home.process("up", "--port", "0", "--json") as kernel:
        try:
            assert kernel.stdout is not None
            kernel.stdout.readline()
            made = bare_home.ok("console", "--for", "Ada")
            base, _, token = made["url"].partition("/console/enter#")
            first = httpx.post(f"{base}/v1/sessions", json={"token": token})
            again = httpx.post(f"{base}/v1/sessions", json={"token": token})
            assert (made["talent"], first.json()["talent"]) == ("if://person/Ada", "if://person/Ada")
            assert (first.status_code, again.status_code) == (201, 401)
            assert bare_home.refused("console", "--for", "Nobody")[1] == "IF_ERR_TALENT_UNKNOWN"
        finally:
            kernel.terminate()
            kernel.communicate()
