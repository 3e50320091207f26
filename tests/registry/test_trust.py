"""The trust set as a state machine: thresholds, versions, rotation."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit
from infrafabric.registry.trust import (
    Seen,
    Trusted,
    TrustSet,
    add_trust_signature,
    advance,
    load,
    matches,
    sign_trust,
)
from infrafabric.registry.trust_folder import TrustFolder

if TYPE_CHECKING:
    from press import Press

FIRST = Seen()
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


def with_roots(press: Press, *names: str, threshold: int, **changes: Any) -> TrustSet:
    return press.trust(root_keys=[str(press.key(name).public) for name in names], threshold=threshold, **changes)


def test_a_signed_set_loads(press: Press) -> None:
    trust = press.trust(press.bundle())
    trusted = load(sign_trust(trust, press.key("root")), FIRST)
    assert trusted.trust == trust
    assert trusted.digest == canonical.sha256(b"infrafabric-trust-v1\n" + canonical.dumps(trust.as_json()))


def test_a_stored_set_loads_again_under_its_own_digest(press: Press) -> None:
    trusted = press.trusted(press.trust())
    assert load(trusted.document, Seen(1, trusted.digest)) == trusted


def test_thresholds_can_be_reached_one_signature_at_a_time(press: Press) -> None:
    trust = with_roots(press, "a", "b", "c", threshold=2)
    document = sign_trust(trust, press.key("a"))
    with pytest.raises(FabricError) as caught:
        load(document, FIRST)
    assert caught.value.code is Code.TRUST_THRESHOLD
    assert load(add_trust_signature(document, press.key("c")), FIRST).trust == trust


def test_signatures_of_strangers_neither_help_nor_harm(press: Press) -> None:
    trust = press.trust()
    assert load(sign_trust(trust, press.key("stranger"), press.key("root")), FIRST).trust == trust
    with pytest.raises(FabricError) as caught:
        load(sign_trust(trust, press.key("stranger")), FIRST)
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_a_rotation_signed_by_old_and_new_is_taken(press: Press) -> None:
    current = press.trusted(press.trust())
    new = [press.key("n1").public, press.key("n2").public]
    rotated = trust_edit.rotate_root(current.trust, new, 2)
    document = sign_trust(rotated, *map(press.key, ("root", "n1", "n2")))
    following = advance(current, document, press.now)
    after = trust_edit.renew(following.trust, datetime(2028, 1, 1, tzinfo=UTC))
    assert advance(following, sign_trust(after, press.key("n1"), press.key("n2")), press.now).trust == after
    with pytest.raises(FabricError) as caught:
        advance(following, sign_trust(after, press.key("root")), press.now)
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_a_set_that_has_expired_is_not_advanced_to(press: Press) -> None:
    current = press.trusted(press.trust())
    following = press.trust(version=2, expires="2026-11-21T08:59:59Z")
    with pytest.raises(FabricError) as caught:
        advance(current, sign_trust(following, press.key("root")), press.now)
    assert caught.value.code is Code.TRUST_EXPIRED


MALFORMED: list[tuple[dict[str, Any], Code]] = [
    ({"version": 0}, Code.TRUST_INVALID),
    ({"version": "1"}, Code.TRUST_INVALID),
    ({"version": True}, Code.TRUST_INVALID),
    ({"threshold": 0}, Code.TRUST_INVALID),
    ({"threshold": 2}, Code.TRUST_INVALID),
    ({"root_keys": []}, Code.TRUST_INVALID),
    ({"expires": "2027-11-21"}, Code.TRUST_INVALID),
    ({"expires": "2027-13-21T00:00:00Z"}, Code.TRUST_INVALID),
    ({"expires": "2027-11-21T00:00:00+01:00"}, Code.TRUST_INVALID),
    ({"format": "infrafabric-trust-v2"}, Code.TRUST_INVALID),
    ({"surprise": 1}, Code.TRUST_INVALID),
    ({"allow": {"lamp.panel@1.0.0": "sha256:" + "0" * 64}}, Code.TRUST_INVALID),
    ({"allow": {"if://capability/lamp.panel@1.0.0": "0" * 64}}, Code.TRUST_INVALID),
    ({"operator_keys": ["AAAA"]}, Code.KEY_INVALID),
]


@pytest.mark.parametrize(("changes", "code"), MALFORMED)
def test_a_malformed_set_is_refused_although_it_is_signed(press: Press, changes: dict[str, Any], code: Code) -> None:
    signed = {**press.trust().as_json(), **changes}
    key = press.key("root")
    message = canonical.signed_bytes("infrafabric-trust-v1", signed)
    signature = {"key": str(key.public), "sig": base64.b64encode(key.sign(message)).decode()}
    with pytest.raises(FabricError) as caught:
        load(canonical.dumps({"signed": signed, "signatures": [signature]}), FIRST)
    assert caught.value.code is code


@pytest.mark.parametrize(
    "document",
    [
        b"", b"[]", b"{}", b'{"signed": {}}', b'{"signed": [], "signatures": []}', b'{"signed": {}, "signatures": {}}',
        b'{"signed": {}, "signatures": [1]}', b'{"signed": {}, "signatures": [{"key": 1, "sig": ""}]}',
        b'{"signed": {}, "signed": {}, "signatures": []}', b'{"signed": {}, "signatures": [], "more": 1}',
        b'{"signed": {}, "signatures": []}', b"\xff", b"[" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(document: bytes) -> None:
    with pytest.raises(FabricError) as caught:
        load(document, FIRST)
    assert caught.value.code is Code.TRUST_INVALID


def test_one_key_belongs_to_one_publisher(press: Press) -> None:
    publisher = {"keys": [str(press.key().public)], "patterns": ["lamp.*"]}
    with pytest.raises(ValueError, match="more than one publisher"):
        press.trust(publishers={"acme": publisher, "other": publisher})


def test_a_revoked_key_is_neither_root_nor_operator(press: Press) -> None:
    for name in ("root", "operator"):
        with pytest.raises(ValueError, match="revoked"):
            press.trust(revoked={"keys": {str(press.key(name).public): "lost"}})


@pytest.mark.parametrize(
    ("pattern", "capability", "expected"),
    [
        ("vmix.*", "if://capability/vmix.switcher", True),
        ("vmix.*", "if://capability/vmix.audio.bus", True),
        ("vmix.*", "if://capability/vmixer.switcher", False),
        ("vmix.switcher", "if://capability/vmix.switcher", True),
        ("if://capability/vmix.switcher", "if://capability/vmix.switcher", True),
        ("vmix.switcher", "if://capability/vmix.switcher2", False),
        ("vmix.switcher", "if://capability/vmix.switcher.x", False),
    ],
)
def test_patterns_name_one_capability_or_a_product(pattern: str, capability: str, expected: bool) -> None:
    assert matches(pattern, capability) is expected


@pytest.mark.parametrize("pattern", ["*", "vmix*", "*.switcher", "vmix.sw*", "vmix.audio.*", "vmix.[ab]", "", "vmix"])
def test_no_other_patterns_are_taken(press: Press, pattern: str) -> None:
    with pytest.raises(FabricError) as caught:
        trust_edit.add_publisher(press.trust(), "other", [press.key("other").public], [pattern])
    assert caught.value.code is Code.TRUST_INVALID


@several
@given(versions=st.lists(st.integers(1, 12), min_size=1, max_size=10))
def test_versions_only_rise(press: Press, versions: list[int]) -> None:
    current: Trusted | None = None
    for version in versions:
        document = sign_trust(press.trust(version=version), press.key("root"))
        before = current.trust.version if current else 0
        try:
            current = load(document, FIRST) if current is None else advance(current, document, press.now)
        except FabricError as error:
            assert error.code is Code.TRUST_ROLLBACK
            assert version <= before
        else:
            assert version > before
    assert current is not None
    assert current.trust.version == max(versions)


@several
@given(at=st.integers(min_value=0), to=st.integers(0, 255))
def test_a_document_with_one_byte_changed_is_refused_or_the_same(press: Press, at: int, to: int) -> None:
    trusted = press.trusted(press.trust())
    position = at % len(trusted.document)
    altered = trusted.document[:position] + bytes([to]) + trusted.document[position + 1 :]
    try:
        assert load(altered, FIRST).digest == trusted.digest
    except FabricError as error:
        assert error.code in (Code.TRUST_INVALID, Code.TRUST_THRESHOLD, Code.KEY_INVALID)


# --- edits ---------------------------------------------------------------------------------------------------------


def test_each_edit_makes_the_next_version_and_changes_one_thing(press: Press) -> None:
    trust = press.trust(press.bundle())
    digest = "sha256:" + "1" * 64
    key = press.key("other").public
    edits = {
        "publishers": trust_edit.add_publisher(trust, "other", [key], ["if://capability/desk.lamp"]),
        "allow": trust_edit.allow(trust, "if://capability/lamp.panel", "2.0.0", digest),
        "revoked": trust_edit.revoke_digest(trust, digest, "leaks"),
        "operator_keys": trust_edit.set_operator_keys(trust, [key]),
        "expires": trust_edit.renew(trust, datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        "root_keys": trust_edit.rotate_root(trust, [key], 1),
    }
    for member, edited in edits.items():
        before, after = trust.as_json(), edited.as_json()
        assert {name for name in before if before[name] != after[name]} == {"version", member}
        assert edited.version == trust.version + 1
    assert edits["expires"].expires == "2030-01-02T03:04:05Z"
    assert edits["publishers"].publishers["other"].patterns == ("desk.lamp",)


def test_edits_that_take_away(press: Press) -> None:
    trust = press.trust(press.bundle())
    assert trust_edit.remove_publisher(trust, "acme").publishers == {}
    assert trust_edit.disallow(trust, "if://capability/lamp.panel", "1.0.0").allow == {}
    with pytest.raises(FabricError) as caught:
        trust_edit.remove_publisher(trust, "nobody")
    assert caught.value.code is Code.NAME_INVALID
    with pytest.raises(FabricError) as caught:
        trust_edit.disallow(trust, "if://capability/lamp.panel", "9.0.0")
    assert caught.value.code is Code.NOT_ALLOWED


def test_revoking_a_key(press: Press) -> None:
    trust = press.trust()
    publisher = trust_edit.revoke_key(trust, press.key().public, "lost")
    assert publisher.revoked.keys == {str(press.key().public): "lost"}
    assert publisher.publishers == trust.publishers
    assert trust_edit.revoke_key(trust, press.key("operator").public, "left").operator_keys == ()
    with pytest.raises(FabricError, match="root key") as caught:
        trust_edit.revoke_key(trust, press.key("root").public, "lost")
    assert caught.value.code is Code.TRUST_INVALID


def test_a_revoked_bundle_cannot_be_allowed(press: Press) -> None:
    digest = "sha256:" + "1" * 64
    trust = trust_edit.revoke_digest(press.trust(), digest, "leaks")
    with pytest.raises(FabricError, match="leaks") as caught:
        trust_edit.allow(trust, "if://capability/lamp.panel", "1.0.0", digest)
    assert caught.value.code is Code.DIGEST_REVOKED


def test_a_first_set_trusts_nobody(press: Press) -> None:
    trust = trust_edit.first([press.key("root").public], 1, [press.key("operator").public], press.now)
    assert (trust.version, trust.publishers, trust.allow) == (1, {}, {})
    with pytest.raises(FabricError) as caught:
        trust_edit.first([press.key("root").public], 2, [], press.now)
    assert caught.value.code is Code.TRUST_INVALID


# --- the folder ----------------------------------------------------------------------------------------------------


def test_the_folder_keeps_each_version(press: Press) -> None:
    folder = TrustFolder(press.folder / "trust")
    with pytest.raises(FabricError) as caught:
        folder.read()
    assert caught.value.code is Code.TRUST_MISSING
    sets = [press.trusted(press.trust(version=version)) for version in (2, 10, 9)]
    for trusted in sets:
        folder.write(trusted)
    folder.write(sets[0])
    assert folder.versions() == (2, 9, 10)
    assert folder.read() == sets[1].document
    assert folder.read(2) == sets[0].document
    assert json.loads(folder.read(9))["signed"]["version"] == 9


def test_the_folder_never_changes_a_version(press: Press) -> None:
    folder = TrustFolder(press.folder / "trust")
    folder.write(press.trusted(press.trust()))
    with pytest.raises(FabricError) as caught:
        folder.write(press.trusted(press.trust(operator_keys=[])))
    assert caught.value.code is Code.EXISTS
    assert [path.name for path in (press.folder / "trust").iterdir()] == ["1.json"]
