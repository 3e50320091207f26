from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infrafabric.control.home import Home
from infrafabric.kernel.errors import Code
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.signing import SigningKey

if TYPE_CHECKING:
    from homes import Ifctl

ADD = ("talent", "add", "--name", "Finance.Agent", "--role", "analyst", "--why", "earnings pass")
GRANT = ("talent", "grant", "--name", "Finance.Agent", "--capability", "vmix.switcher", "--why", "earnings pass")
NARROW = {"properties": {"scene": {"enum": ["Wide", "Close"]}}, "required": ["scene"]}


@pytest.fixture
def home(vmix_home: Ifctl) -> Ifctl:
    """With the agent of the examples, which was granted nothing yet."""
    vmix_home.ok(*ADD)
    return vmix_home


def fields(home: Ifctl) -> list[str]:
    return sorted(home.ok("capability", "show", "vmix.switcher")["manifest"]["intent"]["properties"])


def test_the_two_examples_of_the_documentation_work(home: Ifctl) -> None:
    granted = home.ok(*GRANT, "--scope", "studio:control")["grant"]
    assert (granted["target"], granted["scopes"]) == ("vmix@studio-a", ["studio:control"])
    shown = home.ok("talent", "show", "Finance.Agent")
    assert (shown["roles"], shown["holds"], shown["revoked"]) == (["analyst"], ["analyst"], False)
    assert [grant["ended"] for grant in shown["grants"]] == [False]


def test_a_talent_is_changed_in_part_and_keeps_the_rest(home: Ifctl) -> None:
    home.ok("talent", "set", "--name", "Finance.Agent", "--group", "night", "--tag", "video", "--why", "x")
    change = ("--role", "viewer", "--drop-role", "analyst", "--owner", "operator", "--rate", "2:10")
    value = home.ok("talent", "set", "--name", "Finance.Agent", *change, "--why", "x")["talent"]
    assert (value["roles"], value["groups"], value["tags"]) == (["viewer"], ["night"], ["video"])
    assert value["rate"] == {"rps": 2.0, "burst": 10}
    assert home.ok("talent", "show", "operator")["owns"] == ["if://agent/Finance.Agent"]
    value = home.ok("talent", "set", "--name", "Finance.Agent", "--rate", "none", "--why", "x")["talent"]
    assert "rate" not in value
    assert value["owner"] == "if://person/operator"
    text = home("talent", "show", "Finance.Agent").stdout
    assert "video" in text
    assert "person/operator" in text


def test_nobody_owns_itself_at_any_depth(home: Ifctl) -> None:
    home.ok("talent", "add", "--name", "Junior", "--owner", "Finance.Agent", "--why", "x")
    for owner in ("Finance.Agent", "Junior"):
        _, code, message = home.refused("talent", "set", "--name", "Finance.Agent", "--owner", owner, "--why", "x")
        assert code == Code.USAGE.value and "cannot be owned by" in message
    assert home.ok("talent", "show", "Finance.Agent").get("owner") is None
    home.ok("talent", "set", "--name", "Finance.Agent", "--owner", "operator", "--why", "x")


def test_a_role_brings_those_that_it_includes(home: Ifctl) -> None:
    assert home.ok("role", "set", "analyst", "--includes", "viewer", "--why", "x")["holds"] == ["viewer"]
    home.ok("role", "set", "viewer", "--includes", "reader", "--includes", "analyst", "--why", "x")
    assert home.ok("talent", "show", "Finance.Agent")["holds"] == ["analyst", "reader", "viewer"]
    rows = {row["name"]: row for row in home.ok("role", "list")["roles"]}
    assert rows["analyst"]["talents"] == ["if://agent/Finance.Agent"]
    assert rows["analyst"]["holds"] == ["reader", "viewer"]
    assert rows["operator"]["defined"] is False
    assert "viewer" in home("role", "list").stdout
    home.ok("role", "remove", "viewer", "--why", "x")
    assert home.ok("talent", "show", "Finance.Agent")["holds"] == ["analyst", "viewer"]
    assert home.refused("role", "remove", "viewer", "--why", "x")[1] == Code.NAME_INVALID.value


def test_a_grant_to_a_group_is_its_members_as_long_as_they_are_of_it(home: Ifctl) -> None:
    grant = ("talent", "grant", "--group", "night", "--capability", "vmix.switcher", "--why", "x")
    assert home.ok(*grant)["grant"]["talent"] == "group:night"
    assert home.ok("talent", "show", "Finance.Agent")["grants"] == []
    home.ok("talent", "set", "--name", "Finance.Agent", "--group", "night", "--why", "x")
    assert [one["talent"] for one in home.ok("talent", "show", "Finance.Agent")["grants"]] == ["group:night"]
    assert [row["id"] for row in home.ok("talent", "list", "--group", "night")["talents"]] == [
        "if://agent/Finance.Agent"
    ]
    revoke = ("talent", "revoke", "--group", "night", "--why", "x")
    assert home.refused(*revoke)[1] == Code.USAGE.value
    home.ok(*revoke, "--capability", "vmix.switcher")
    assert home.ok("talent", "show", "Finance.Agent")["grants"] == []


def test_a_grant_is_narrowed_from_a_file_and_ends(home: Ifctl, tmp_path: Path) -> None:
    (tmp_path / "only.json").write_text(json.dumps(NARROW))
    granted = home.ok(*GRANT, "--only", f"@{tmp_path / 'only.json'}", "--expires", "7d")["grant"]
    assert granted["only"] == NARROW
    assert granted["expires"].endswith("Z")
    text = home("talent", "list").stdout
    assert "some intents only" in text
    assert f"until {granted['expires']}" in text
    again = home(*GRANT, "--expires", "2999-01-01")
    assert "takes the place of a former grant" in again.stderr
    (shown,) = home.ok("talent", "show", "Finance.Agent")["grants"]
    assert (shown["expires"], "only" in shown) == ("2999-01-01T00:00:00Z", False)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--only", "not json"), Code.GRANT_INVALID),
        (("--only", "[]"), Code.GRANT_INVALID),
        (("--only", "{}"), Code.GRANT_INVALID),
        (("--only", '{"type": 3}'), Code.GRANT_INVALID),
        (("--only", '{"$ref": "https://example.org/schema"}'), Code.GRANT_INVALID),
        (("--only", '{"properties": {"inptu": {"enum": [1]}}}'), Code.GRANT_INVALID),
        (("--only", '{"title": "' + "x" * 20_000 + '"}'), Code.TOO_LARGE),
        (("--only", "@nowhere.json"), Code.FILE_UNREADABLE),
        (("--expires", "soon"), Code.USAGE),
        (("--expires", "2020-01-01"), Code.USAGE),
        (("--expires", "999999w"), Code.USAGE),
        (("--group", "night"), Code.USAGE),
    ],
    ids=lambda value: value[1][:30] if isinstance(value, tuple) else None,
)
def test_a_wrong_narrowing_or_end_is_refused_and_grants_nothing(home: Ifctl, more: tuple[str, ...], code: Code) -> None:
    assert home.refused(*GRANT, *more)[1] == code.value
    assert home.ok("talent", "show", "Finance.Agent")["grants"] == []


def test_a_condition_that_a_left_out_field_slips_by_is_told_of(home: Ifctl) -> None:
    optional = next(name for name in fields(home) if name != "scene")
    told = home(*GRANT, "--only", json.dumps({"properties": {optional: {"const": 1}}})).stderr
    assert f"without {optional} passes too" in told


def test_a_talents_key_is_made_here_once_and_replaced_when_told_so(home: Ifctl) -> None:
    made = home.ok("talent", "key", "Finance.Agent", "--why", "it signs")
    store = Keystore(Home.open(home.home).keys, Passphrase(), development=True)
    assert str(store.load(made["stored"]).public) == made["talent"]["key"]
    assert home.refused("talent", "key", "Finance.Agent", "--why", "x")[1] == Code.EXISTS.value
    again = home.ok("talent", "key", "Finance.Agent", "--replace", "--why", "x")
    assert again["talent"]["key"] != made["talent"]["key"]
    assert again["talent"]["roles"] == ["analyst"]


def test_a_public_key_is_enrolled_for_one_talent_only(home: Ifctl) -> None:
    public = str(SigningKey.generate().public)
    assert home.ok("talent", "key", "Finance.Agent", "--public", public, "--why", "x")["stored"] is None
    home.ok("talent", "add", "--name", "Other", "--why", "x")
    assert home.refused("talent", "key", "Other", "--public", public, "--why", "x")[1] == Code.EXISTS.value
    low = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert home.refused("talent", "key", "Other", "--public", low, "--why", "x")[1] == Code.KEY_INVALID.value
    assert home.refused("talent", "add", "--name", "Third", "--key", public, "--why", "x")[1] == Code.EXISTS.value


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("set", "--name", "Finance.Agent"), Code.USAGE),
        (("set", "--name", "Finance.Agent", "--drop-role", "nobody"), Code.NAME_INVALID),
        (("set", "--name", "Finance.Agent", "--rate", "fast"), Code.USAGE),
        (("set", "--name", "Finance.Agent", "--rate", "-1"), Code.USAGE),
        (("add", "--name", "A", "--group", "No Group"), Code.NAME_INVALID),
        (("add", "--name", "A", "--tenant", "south", "--owner", "operator"), Code.TALENT_UNKNOWN),
        (("key", "nobody"), Code.TALENT_UNKNOWN),
        (("grant", "--capability", "vmix.switcher"), Code.USAGE),
        (("grant", "--group", "No Group", "--capability", "vmix.switcher"), Code.NAME_INVALID),
        (("grant", "--group", "night", "--tenant", "south", "--capability", "vmix.switcher"), Code.TARGET_UNKNOWN),
    ],
    ids=lambda value: " ".join(value[:5]) if isinstance(value, tuple) else None,
)
def test_a_wrong_change_is_refused(home: Ifctl, args: tuple[str, ...], code: Code) -> None:
    before = home.ok("witness", "checkpoint")["size"]
    assert home.refused("talent", *args, "--why", "x")[1] == code.value
    assert home.ok("witness", "checkpoint")["size"] == before


def test_whoever_fits_a_task_is_found_with_reasons(home: Ifctl, tmp_path: Path) -> None:
    intent = tmp_path / "intent.json"
    intent.write_text('{"scene": "Wide"}')
    find = ("capability", "find", "--scope", "studio:control", "--intent", str(intent))
    found = home.ok(*find)
    assert [(fit["talent"], fit["target"]) for fit in found["fits"]] == [("if://person/operator", "vmix@studio-a")]
    assert any("was not granted it" in one["reason"] for one in found["misfits"])
    home.ok(*GRANT, "--only", json.dumps(NARROW))
    home.ok("talent", "set", "--name", "Finance.Agent", "--tag", "earnings", "--why", "x")
    assert home.ok(*find, "--tag", "earnings")["fits"][0]["talent"] == "if://agent/Finance.Agent"
    assert "Finance.Agent" in home(*find).stdout
    status, code, message = home.refused(*find, "--tenant", "south")
    assert (status, code) == (1, Code.NO_TALENT_FITS.value)
    intent.write_text('{"scene": "Bars"}')
    status, code, message = home.refused(*find, "--as", "Finance.Agent")
    assert (status, code) == (1, Code.NO_TALENT_FITS.value)
    assert "scene does not fit enum" in message
    text = home(*find, "--as", "Finance.Agent")
    assert text.exit_code == 1
    assert "what does not fit" in text.stdout
