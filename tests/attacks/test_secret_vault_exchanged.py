"""Someone writes to the vault's file: damage, another home's vault, or one made for this home's public key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.vault import Vault

IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    vault = Vault(tmp_path / "vault.age", lambda: str(IDENTITY))
    vault.create()
    vault.set("PAY_TOKEN", "sesame-open")
    return tmp_path / "vault.age"


def refused(path: Path) -> bool:
    vault = Vault(path, lambda: str(IDENTITY))
    steps: list[Callable[[], object]] = [
        vault.names,
        lambda: vault.get("PAY_TOKEN"),
        lambda: vault.set("NEW", "sesame-open"),
        lambda: vault.pseudonym_key,
    ]
    for step in steps:
        try:
            step()
        except FabricError as error:
            assert error.code is Code.VAULT_CORRUPT
        else:
            return False
    return True


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_no_changed_byte_opens(path: Path, data: st.DataObject) -> None:
    sound = path.read_bytes()
    damaged = bytearray(sound)
    at = data.draw(st.integers(0, len(sound) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    assert refused(path)
    path.write_bytes(sound)
    assert Vault(path, lambda: str(IDENTITY)).get("PAY_TOKEN") == "sesame-open"


def test_no_truncated_vault_opens_and_none_is_written_over(path: Path) -> None:
    sound = path.read_bytes()
    for kept in (0, 10, len(sound) // 2, len(sound) - 1):
        path.write_bytes(sound[:kept])
        assert refused(path)
        assert path.read_bytes() == sound[:kept]


def test_another_homes_vault_does_not_open(path: Path) -> None:
    theirs = Vault(path.with_name("theirs.age"), lambda: str(pyrage.x25519.Identity.generate()))
    theirs.create()
    path.write_bytes(path.with_name("theirs.age").read_bytes())
    assert refused(path)


@pytest.mark.parametrize("head", [b"", b"infrafabric-vault-v1 " + b"0" * 64, b"infrafabric-vault-v1 "])
def test_a_vault_forged_for_the_public_key_does_not_open(path: Path, head: bytes) -> None:
    """Anyone may encrypt to the recipient; only the home can make the MAC."""
    body = json.dumps({"kernel": {"pseudonym": "AAAA"}, "secrets": {"PAY_TOKEN": "the attacker's"}}).encode()
    path.write_bytes(pyrage.encrypt(head + b"\n" + body, [IDENTITY.to_public()]))
    assert refused(path)


def test_a_vault_under_a_passphrase_does_not_open(path: Path) -> None:
    path.write_bytes(pyrage.passphrase.encrypt(b"{}", "guess"))
    assert refused(path)


def test_a_folder_or_a_huge_file_in_its_place_does_not_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.keys.vault.MAX_FILE_BYTES", 1000)
    path.write_bytes(b"x" * 1001)
    assert refused(path)
    path.unlink()
    path.mkdir()
    assert refused(path)
