"""Targets, talents and grants are believed only under an operator's signature, in this log."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from infrafabric.kernel.authority import Authority, change_bytes
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import project
from infrafabric.kernel.words.entries import GrantChanged, Kind, Signed, TalentChanged, TargetChanged
from infrafabric.kernel.words.things import Grant, Talent, Target

ORIGIN = "example.org/studio"
OPERATOR = SigningKey(b"\x01" * 32)
STRANGER = SigningKey(b"\x02" * 32)


class MemoryFacts:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Any] = {}

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get((table, key))

    def stored(self, table: str, key: str) -> bytes | None:
        value = self.rows.get((table, key))
        return None if value is None else dumps(value)

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return sorted((k, v) for (t, k), v in self.rows.items() if t == table and k.startswith(prefix))

    def fold(self, kind: Kind, body: Signed) -> None:
        for fact in project(Entry(kind, body), 0, "2026-11-21T09:00:00.000Z"):
            if fact.value is None:
                self.rows.pop((fact.table, fact.key), None)
            else:
                self.rows[fact.table, fact.key] = fact.value


def text(key: SigningKey) -> str:
    return base64.b64encode(bytes(key.verify_key)).decode()


def holds(key: str, message: bytes, signature: str) -> bool:
    try:
        VerifyKey(base64.b64decode(key)).verify(message, base64.b64decode(signature))
    except BadSignatureError:
        return False
    return True


B = TypeVar("B", bound=Signed)


def signed(
    model: type[B], kind: Kind, value: Any, change: str = "set", key: SigningKey = OPERATOR, origin: str = ORIGIN
) -> B:
    draft = {"change": change, "value": value.as_json(), "why": "test", "origin": origin, "operator": text(key)}
    body = model.model_validate({**draft, "signature": ""})
    signature = key.sign(change_bytes(kind, body.as_json())).signature
    return body.model_copy(update={"signature": base64.b64encode(signature).decode()})


TARGET = Target(name="vmix@studio-a", settings={"VMIX_HOST": "127.0.0.1"})
TALENT = Talent(id="if://agent/Show.Caller")
GRANT = Grant(talent=TALENT.id, capability="if://capability/vmix.switcher", target=TARGET.name)


@pytest.fixture
def facts() -> MemoryFacts:
    facts = MemoryFacts()
    facts.fold(Kind.TARGET_CHANGED, signed(TargetChanged, Kind.TARGET_CHANGED, TARGET))
    facts.fold(Kind.TALENT_CHANGED, signed(TalentChanged, Kind.TALENT_CHANGED, TALENT))
    facts.fold(Kind.GRANT_CHANGED, signed(GrantChanged, Kind.GRANT_CHANGED, GRANT))
    return facts


def authority(facts: MemoryFacts, *operators: SigningKey) -> Authority:
    keys = frozenset(text(key) for key in operators or (OPERATOR,))
    return Authority(facts, ORIGIN, lambda: keys, holds)


def test_signed_records_are_believed(facts: MemoryFacts) -> None:
    trusted = authority(facts)
    assert trusted.target(TARGET.name) == TARGET
    assert trusted.talent(TALENT.id) == TALENT
    assert trusted.get("grant", GRANT.key) == GRANT.as_json()
    assert [key for key, _ in trusted.scan("target")] == [TARGET.name]


def test_an_edited_record_is_as_good_as_absent(facts: MemoryFacts) -> None:
    facts.rows["target", TARGET.name]["value"]["settings"]["VMIX_HOST"] = "evil.example"
    trusted = authority(facts)
    with pytest.raises(FabricError) as refusal:
        trusted.target(TARGET.name)
    assert refusal.value.code is Code.TARGET_UNKNOWN
    assert trusted.scan("target") == []


def test_a_record_signed_by_a_stranger_is_not_believed(facts: MemoryFacts) -> None:
    forged = signed(GrantChanged, Kind.GRANT_CHANGED, GRANT, key=STRANGER)
    facts.fold(Kind.GRANT_CHANGED, forged)
    assert authority(facts).get("grant", GRANT.key) is None
    assert authority(facts, STRANGER).get("grant", GRANT.key) is not None


def test_an_operator_who_is_no_more_leaves_no_authority_behind(facts: MemoryFacts) -> None:
    keys = {text(OPERATOR)}
    trusted = Authority(facts, ORIGIN, lambda: frozenset(keys), holds)
    assert trusted.talent(TALENT.id) == TALENT
    keys.clear()
    with pytest.raises(FabricError):
        trusted.talent(TALENT.id)


def test_a_record_of_another_log_counts_for_nothing(facts: MemoryFacts) -> None:
    facts.fold(Kind.TARGET_CHANGED, signed(TargetChanged, Kind.TARGET_CHANGED, TARGET, origin="example.org/other"))
    with pytest.raises(FabricError):
        authority(facts).target(TARGET.name)


def test_a_signature_counts_for_its_own_kind_only(facts: MemoryFacts) -> None:
    body = signed(GrantChanged, Kind.TARGET_CHANGED, GRANT)
    facts.fold(Kind.GRANT_CHANGED, body)
    assert authority(facts).get("grant", GRANT.key) is None


def test_a_record_that_was_moved_to_another_name_says_nothing(facts: MemoryFacts) -> None:
    facts.rows["target", "vmix@studio-b"] = facts.rows["target", TARGET.name]
    facts.rows["grant", "if://agent/Other x y"] = facts.rows["grant", GRANT.key]
    trusted = authority(facts)
    assert trusted.get("target", "vmix@studio-b") is None
    assert trusted.get("grant", "if://agent/Other x y") is None


def test_revocation_and_removal(facts: MemoryFacts) -> None:
    facts.fold(Kind.TALENT_CHANGED, signed(TalentChanged, Kind.TALENT_CHANGED, TALENT, "revoked"))
    facts.fold(Kind.GRANT_CHANGED, signed(GrantChanged, Kind.GRANT_CHANGED, GRANT, "revoked"))
    trusted = authority(facts)
    with pytest.raises(FabricError) as refusal:
        trusted.talent(TALENT.id)
    assert refusal.value.code is Code.TALENT_REVOKED
    assert trusted.get("grant", GRANT.key) is None
    assert trusted.record("grant", GRANT.key) == ""


def test_the_only_target_of_a_product_need_not_be_named(facts: MemoryFacts) -> None:
    trusted = authority(facts)
    assert trusted.target_for(GRANT.capability, None, "default") == TARGET
    facts.fold(Kind.TARGET_CHANGED, signed(TargetChanged, Kind.TARGET_CHANGED, Target(name="vmix@studio-b")))
    for capability, name, code in (
        (GRANT.capability, None, Code.TARGET_AMBIGUOUS),
        ("if://capability/obs.scene", None, Code.TARGET_UNKNOWN),
        ("if://capability/obs.scene", TARGET.name, Code.TARGET_MISMATCH),
        (GRANT.capability, "vmix@nowhere", Code.TARGET_UNKNOWN),
    ):
        with pytest.raises(FabricError) as refusal:
            trusted.target_for(capability, name, "default")
        assert refusal.value.code is code


def test_a_change_of_record_changes_its_digest(facts: MemoryFacts) -> None:
    before = authority(facts).record("target", TARGET.name)
    moved = TARGET.model_copy(update={"settings": {"VMIX_HOST": "127.0.0.2"}})
    facts.fold(Kind.TARGET_CHANGED, signed(TargetChanged, Kind.TARGET_CHANGED, moved))
    assert before != authority(facts).record("target", TARGET.name) != ""
