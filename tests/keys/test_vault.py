from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.disguises import normal
from infrafabric.keys.files import locked
from infrafabric.keys.vault import MAX_SECRET_BYTES, Vault

IDENTITY = str(pyrage.x25519.Identity.generate())
values = st.text(st.characters(exclude_categories=["Cs"]), min_size=8).filter(lambda text: len(normal(text)) >= 8)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path / "vault" / "vault.age", lambda: IDENTITY)
    vault.create()
    return vault


def again(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault" / "vault.age", lambda: IDENTITY)


def code_of(step: Callable[[], object]) -> Code:
    with pytest.raises(FabricError) as refusal:
        step()
    return refusal.value.code


def test_a_secret_is_kept_until_it_is_removed(vault: Vault, tmp_path: Path) -> None:
    vault.set("HA_TOKEN", "sesame-open")
    vault.set("obs.password", "another one")
    vault.set("HA_TOKEN", "sesame-shut")
    assert again(tmp_path).names() == ["HA_TOKEN", "obs.password"]
    assert again(tmp_path).get("HA_TOKEN") == "sesame-shut"
    vault.remove("HA_TOKEN")
    assert again(tmp_path).names() == ["obs.password"]
    assert code_of(lambda: again(tmp_path).get("HA_TOKEN")) is Code.SECRET_UNKNOWN
    assert code_of(lambda: vault.remove("HA_TOKEN")) is Code.SECRET_UNKNOWN


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(values)
def test_any_text_comes_back_as_it_was(vault: Vault, tmp_path: Path, value: str) -> None:
    vault.set("ANY", value)
    assert again(tmp_path).get("ANY") == value


def test_neither_names_nor_values_are_in_the_file(vault: Vault, tmp_path: Path) -> None:
    vault.set("HA_TOKEN", "sesame-open")
    data = (tmp_path / "vault" / "vault.age").read_bytes()
    assert data.startswith(b"age-encryption.org/v1\n")
    assert b"HA_TOKEN" not in data
    assert b"sesame" not in data
    assert (tmp_path / "vault" / "vault.age").stat().st_mode & 0o777 == 0o600


def test_the_pseudonym_key_stays_and_has_no_name(vault: Vault, tmp_path: Path) -> None:
    key = vault.pseudonym_key
    assert len(key) == 32
    vault.set("HA_TOKEN", "sesame-open")
    assert again(tmp_path).pseudonym_key == key
    assert vault.names() == ["HA_TOKEN"]
    assert code_of(lambda: vault.get("pseudonym")) is Code.SECRET_UNKNOWN
    vault.set("pseudonym", "one that an operator set")
    vault.remove("pseudonym")
    assert again(tmp_path).pseudonym_key == key


def test_a_vault_is_made_once(vault: Vault, tmp_path: Path) -> None:
    key = vault.pseudonym_key
    assert code_of(again(tmp_path).create) is Code.EXISTS
    assert again(tmp_path).pseudonym_key == key


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "ä", "x" * 65, "a\n", ":pseudonym"])
def test_names_are_plain(vault: Vault, name: str) -> None:
    assert code_of(lambda: vault.set(name, "sesame-open")) is Code.NAME_INVALID


def test_values_have_bounds(vault: Vault) -> None:
    assert code_of(lambda: vault.set("A", "1234567")) is Code.SECRET_TOO_SHORT
    assert code_of(lambda: vault.set("A", "x" * (MAX_SECRET_BYTES + 1))) is Code.TOO_LARGE
    assert code_of(lambda: vault.set("A", "12345678\udc80")) is Code.SECRET_NOT_TEXT
    vault.set("A", "x" * MAX_SECRET_BYTES)
    assert vault.names() == ["A"]


def test_a_full_vault_takes_no_more_and_stays_whole(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.keys.vault.MAX_SECRETS", 2)
    vault.set("A", "sesame-open")
    vault.set("B", "sesame-open")
    assert code_of(lambda: vault.set("C", "sesame-open")) is Code.TOO_LARGE
    vault.set("B", "sesame-shut")
    monkeypatch.setattr("infrafabric.keys.vault.MAX_VAULT_BYTES", 1000)
    assert code_of(lambda: vault.set("A", "x" * 1000)) is Code.TOO_LARGE
    assert [vault.get("A"), vault.get("B")] == ["sesame-open", "sesame-shut"]


def test_without_a_vault_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert code_of(again(tmp_path).names) is Code.VAULT_MISSING


def test_what_another_process_wrote_is_seen(vault: Vault, tmp_path: Path) -> None:
    vault.set("A", "sesame-open")
    other = again(tmp_path)
    assert other.get("A") == "sesame-open"
    vault.set("A", "sesame-shut")
    assert other.get("A") == "sesame-shut"


WRITER = """
import sys
from pathlib import Path
from infrafabric.keys.vault import Vault

path, identity, process = sys.argv[1:]
for number in range(10):
    Vault(Path(path), lambda: identity).set(f"S{process}.{number}", f"the value {process} {number}")
"""


def test_writers_in_several_processes_lose_nothing_and_readers_see_whole_files(vault: Vault, tmp_path: Path) -> None:
    vault.set("FIXED", "always there")
    path = str(tmp_path / "vault" / "vault.age")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, IDENTITY, str(number)]) for number in range(3)]
    while any(writer.poll() is None for writer in writers):
        assert again(tmp_path).get("FIXED") == "always there"
        time.sleep(0.005)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len(vault.names()) == 31
    assert vault.get("S2.9") == "the value 2 9"


def test_a_crash_while_writing_leaves_the_old_vault(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.set("A", "sesame-open")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", dies)
    with pytest.raises(KeyboardInterrupt):
        vault.set("A", "sesame-shut")
    monkeypatch.undo()
    assert again(tmp_path).get("A") == "sesame-open"
    vault.set("A", "sesame-shut")
    assert again(tmp_path).get("A") == "sesame-shut"


def test_a_full_disk_has_its_own_name(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert code_of(lambda: vault.set("A", "sesame-open")) is Code.DISK_FULL
    monkeypatch.undo()
    assert vault.names() == []


def test_a_lock_held_by_another_is_not_waited_for_without_end(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrafabric.keys.files.LOCK_WAIT_S", 0.05)
    with locked(tmp_path / "vault" / ".vault.age.lock"):
        assert code_of(lambda: vault.set("A", "sesame-open")) is Code.KEYS_LOCKED
    vault.set("A", "sesame-open")
