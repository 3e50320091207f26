"""Rotation: the new value counts at once, the former one is known while its overlap runs, and then it is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.redaction import MASK, SecretRedactor
from infrafabric.keys.references import References
from infrafabric.keys.vault import Vault
from infrafabric.keys.vault_content import MOST_FORMER, Content, Former, Kept, Use

IDENTITY = pyrage.x25519.Identity.generate()


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Desk:
    """A target."""

    name: str
    tenant: str = "default"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(tmp_path: Path, clock: Clock) -> Vault:
    vault = Vault(tmp_path / "vault.age", lambda: str(IDENTITY), clock)
    vault.create()
    vault.set("T", "the first value")
    return vault


def code_of(step: Callable[[], object]) -> Code:
    with pytest.raises(FabricError) as refusal:
        step()
    return refusal.value.code


def inside(vault_file: Path) -> str:
    return str(pyrage.decrypt(vault_file.read_bytes(), [IDENTITY]), "utf-8")


def test_the_former_value_is_known_until_the_overlap_ends_and_destroyed_after(
    vault: Vault, clock: Clock, tmp_path: Path
) -> None:
    vault.rotate("T", "the second value", 1_060)
    assert vault.kept("T") == Kept("the second value", (Former("the first value", 1_060),))
    assert "the first value" in inside(tmp_path / "vault.age")
    assert vault.overdue() == []
    clock.now = 1_060.0
    assert vault.kept("T") == Kept("the second value")
    assert vault.overdue() == ["T"]
    vault.drop_overdue()
    assert vault.overdue() == []
    assert "the first value" not in inside(tmp_path / "vault.age")


def test_any_write_leaves_out_what_is_over(vault: Vault, clock: Clock, tmp_path: Path) -> None:
    vault.rotate("T", "the second value", 1_060)
    clock.now = 2_000.0
    vault.set("OTHER", "another secret")
    assert "the first value" not in inside(tmp_path / "vault.age")


def test_no_overlap_is_none(vault: Vault, tmp_path: Path) -> None:
    vault.rotate("T", "the second value", 1_000)
    assert vault.kept("T") == Kept("the second value")
    assert "the first value" not in inside(tmp_path / "vault.age")


def test_back_and_forth_within_the_overlap(vault: Vault, clock: Clock) -> None:
    vault.rotate("T", "the second value", 1_060)
    vault.take_back("T")
    assert vault.kept("T") == Kept("the first value", (Former("the second value", 1_060),))
    clock.now = 1_061.0
    assert code_of(lambda: vault.take_back("T")) is Code.SECRET_NO_FORMER
    assert vault.get("T") == "the first value"


def test_what_rotation_refuses(vault: Vault) -> None:
    assert code_of(lambda: vault.rotate("T", "the first value", 1_060)) is Code.SECRET_UNCHANGED
    assert code_of(lambda: vault.rotate("NONE", "the first value", 1_060)) is Code.SECRET_UNKNOWN
    assert code_of(lambda: vault.rotate("T", "short", 1_060)) is Code.SECRET_TOO_SHORT
    for number in range(MOST_FORMER):
        vault.rotate("T", f"value number {number}", 1_060)
    assert code_of(lambda: vault.rotate("T", "one too many", 1_060)) is Code.TOO_LARGE
    assert vault.get("T") == f"value number {MOST_FORMER - 1}"


def test_setting_and_removing_end_all_former_values(vault: Vault, tmp_path: Path) -> None:
    vault.rotate("T", "the second value", 1_060)
    vault.set("T", "the third value")
    assert vault.kept("T") == Kept("the third value")
    vault.rotate("T", "the fourth value", 1_060)
    vault.remove("T")
    assert "value" not in inside(tmp_path / "vault.age").split("secrets", 1)[1]


def test_references_give_the_new_value_the_former_by_name_and_mask_both(vault: Vault, clock: Clock) -> None:
    redactor = SecretRedactor()
    references = References(vault, redactor, {})
    vault.rotate("T", "the second value", 1_060)
    assert references.resolve("vault:T") == "the second value"
    assert redactor.redact("the first value, the second value") == f"{MASK}, {MASK}"
    assert references.resolve("vault:T@former") == "the first value"
    clock.now = 1_060.0
    assert code_of(lambda: references.resolve("vault:T@former")) is Code.SECRET_NO_FORMER


def test_a_secret_is_opened_only_for_whom_it_is_meant(vault: Vault) -> None:
    references = References(vault, SecretRedactor(), {})
    desk, other = Desk("lamp@desk"), Desk("lamp@door")
    assert references.resolve("vault:T") == references.resolve("vault:T", other) == "the first value"
    vault.allow("T", Use(("lamp@desk",)))
    assert references.resolve("vault:T", desk) == "the first value"
    assert code_of(lambda: references.resolve("vault:T", other)) is Code.SECRET_NOT_ALLOWED
    assert code_of(lambda: references.resolve("vault:T")) is Code.SECRET_NOT_ALLOWED
    assert code_of(lambda: references.resolve("vault:T@former", other)) is Code.SECRET_NOT_ALLOWED
    vault.allow("T", Use(tenant="studio"))
    assert references.resolve("vault:T", Desk("lamp@door", "studio")) == "the first value"
    assert code_of(lambda: references.resolve("vault:T", desk)) is Code.SECRET_NOT_ALLOWED


def test_a_new_value_keeps_who_may_use_it(vault: Vault) -> None:
    use = Use(("lamp@desk",))
    vault.allow("T", use)
    vault.rotate("T", "the second value", 1_060)
    assert vault.kept("T").use == use
    vault.set("T", "the third value")
    assert vault.kept("T").use == use
    vault.set("T", "the third value", Use())
    assert vault.kept("T").use == Use()


def test_content_comes_back_as_it_was_and_older_files_are_read() -> None:
    content = Content(
        {"pseudonym": b"\x00\xff"},
        {"A": Kept("aaaaaaaa"), "B": Kept("bbbbbbbb", (Former("cccccccc", 5),), Use(("x@y",), "studio"))},
    )
    assert Content.from_bytes(content.to_bytes()) == content
    older = b'{"kernel": {"pseudonym": "AP8="}, "secrets": {"A": "aaaaaaaa"}}'
    assert Content.from_bytes(older).to_bytes() == older
