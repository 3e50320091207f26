from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import replace_file
from infrafabric.keys.keyfile import Kdf, KeyFile, Protection
from infrafabric.keys.keystore import Keystore, open_export
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.signing import SigningKey

OpenStore = Callable[..., Keystore]


def code_of(step: Callable[[], object]) -> Code:
    with pytest.raises(FabricError) as refusal:
        step()
    return refusal.value.code


def test_a_key_comes_back_as_it_was_made(open_store: OpenStore) -> None:
    key = open_store().create("operator")
    again = open_store()
    assert again.names() == ["operator"]
    assert again.public("operator") == key.public
    assert again.load("operator") == key


def test_an_identity_comes_back_as_it_was_made(open_store: OpenStore) -> None:
    recipient = open_store().create_identity("vault")
    assert open_store().recipient("vault") == recipient
    assert open_store().load_identity("vault").startswith("AGE-SECRET-KEY-1")
    assert code_of(lambda: open_store().load("vault")) is Code.KEY_CORRUPT


def test_the_public_half_needs_no_passphrase(open_store: OpenStore, tmp_path: Path) -> None:
    key = open_store().create("operator")
    without = Keystore(tmp_path / "keys", Passphrase(environ={}))
    assert without.public("operator") == key.public
    assert code_of(lambda: without.load("operator")) is Code.PASSPHRASE_REQUIRED


def test_the_seed_is_not_in_the_file(open_store: OpenStore, tmp_path: Path) -> None:
    key = open_store().create("operator")
    path = tmp_path / "keys" / "operator.key"
    file = KeyFile.parse(path.read_bytes(), "operator")
    assert file.kdf == Kdf(ops=1, memory=8 << 20)
    assert key.seed not in file.sealed
    assert key.seed.hex() not in path.read_text()


def test_files_and_folder_are_the_owners_alone(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    open_store().create("operator")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_a_missing_key_is_named(open_store: OpenStore) -> None:
    assert open_store().names() == []
    assert code_of(lambda: open_store().load("root")) is Code.KEY_MISSING
    assert code_of(lambda: open_store().public("root")) is Code.KEY_MISSING
    assert code_of(lambda: open_store().remove("root")) is Code.KEY_MISSING


@pytest.mark.parametrize("name", ["", "../root", "Root", "a/b", "x" * 49, "-x", "a.key", "a\n"])
def test_a_name_is_a_plain_word(open_store: OpenStore, name: str) -> None:
    assert code_of(lambda: open_store().create(name)) is Code.NAME_INVALID
    assert code_of(lambda: open_store().load(name)) is Code.NAME_INVALID


def test_a_key_is_not_overwritten(open_store: OpenStore) -> None:
    key = open_store().create("operator")
    assert code_of(lambda: open_store().create("operator")) is Code.EXISTS
    assert open_store().load("operator") == key


def test_a_mistyped_passphrase_does_not_split_the_store(open_store: OpenStore) -> None:
    open_store("correct horse").create("operator")
    assert code_of(lambda: open_store("correct house").create("log")) is Code.PASSPHRASE_WRONG
    assert open_store().names() == ["operator"]


def test_only_a_development_home_has_unprotected_keys(open_store: OpenStore) -> None:
    assert code_of(lambda: open_store().create("operator", Protection.NONE)) is Code.PRODUCTION_ONLY
    assert open_store().names() == []
    key = open_store(development=True).create("operator", Protection.NONE)
    assert open_store("whatever else", development=True).load("operator") == key
    assert code_of(lambda: open_store().load("operator")) is Code.PRODUCTION_ONLY
    assert open_store().public("operator") == key.public


def test_a_changed_passphrase_opens_all_keys_and_the_old_one_none(open_store: OpenStore) -> None:
    store = open_store("the old one", development=True)
    keys = {name: store.create(name) for name in ("root", "operator", "log")}
    recipient = store.create_identity("vault")
    bare = store.create("scratch", Protection.NONE)
    store.change_passphrase(Passphrase("the new one"))
    for opened in (store, open_store("the new one", development=True)):
        assert {name: opened.load(name) for name in keys} == keys
        assert opened.load("scratch") == bare
        assert opened.load_identity("vault").startswith("AGE-SECRET-KEY-1")
        assert opened.recipient("vault") == recipient
    for name in keys:
        assert code_of(lambda name=name: open_store("the old one").load(name)) is Code.PASSPHRASE_WRONG  # type: ignore[misc]


def test_a_change_of_passphrase_with_a_wrong_one_changes_nothing(open_store: OpenStore, tmp_path: Path) -> None:
    open_store("the old one").create("operator")
    before = (tmp_path / "keys" / "operator.key").read_bytes()
    wrong = open_store("another one")
    assert code_of(lambda: wrong.change_passphrase(Passphrase("the new one"))) is Code.PASSPHRASE_WRONG
    assert (
        code_of(lambda: open_store("the old one").change_passphrase(Passphrase("short"))) is Code.PASSPHRASE_TOO_SHORT
    )
    assert (tmp_path / "keys" / "operator.key").read_bytes() == before


def test_a_change_that_was_cut_off_is_completed_by_the_next(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store("the old one")
    keys = {name: store.create(name) for name in ("log", "operator", "root")}
    written: list[Path] = []

    def dies_at_the_second(path: Path, data: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        replace_file(path, data)

    monkeypatch.setattr("infrafabric.keys.keystore.replace_file", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        store.change_passphrase(Passphrase("the new one"))
    monkeypatch.undo()
    assert [path.name for path in written] == ["log.key"]
    open_store("the old one").change_passphrase(Passphrase("the new one"))
    assert {name: open_store("the new one").load(name) for name in keys} == keys


def test_an_export_is_encrypted_and_opens_elsewhere(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store(development=True)
    key = store.create("root", Protection.NONE)
    copy = tmp_path / "stick" / "root.key"
    copy.parent.mkdir()
    store.export("root", copy, Passphrase("for the safe"))
    assert json.loads(copy.read_text())["protection"]["kind"] == "argon2id-secretbox"
    assert open_export(copy, Passphrase("for the safe")) == key
    assert code_of(lambda: open_export(copy, Passphrase("for the sofa"))) is Code.PASSPHRASE_WRONG
    store.remove("root")
    assert store.names() == []
    store.add("root", open_export(copy, Passphrase("for the safe")))
    assert store.load("root") == key


def test_an_export_overwrites_nothing(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    store.create("root")
    there = tmp_path / "there"
    there.write_text("kept")
    assert code_of(lambda: store.export("root", there)) is Code.EXISTS
    assert there.read_text() == "kept"
    assert code_of(lambda: store.export("root", tmp_path / "no" / "folder")) is Code.KEYS_UNWRITABLE


def test_an_unprotected_file_is_no_export(open_store: OpenStore, tmp_path: Path) -> None:
    open_store(development=True).create("root", Protection.NONE)
    file = tmp_path / "keys" / "root.key"
    assert code_of(lambda: open_export(file, Passphrase("any at all"))) is Code.KEY_CORRUPT
    assert code_of(lambda: open_export(tmp_path / "missing", Passphrase("any at all"))) is Code.KEY_MISSING


def test_a_key_made_elsewhere_is_kept(open_store: OpenStore) -> None:
    key = SigningKey.generate()
    open_store().add("operator", key)
    assert open_store().load("operator") == key


def test_the_default_cost_is_the_second_choice_of_rfc_9106() -> None:
    assert Kdf() == Kdf(ops=3, memory=64 << 20)


def test_an_heir_takes_the_name_and_the_place_of_a_key(open_store: OpenStore, tmp_path: Path) -> None:
    former, heir = open_store().create("log"), open_store().create("log-next")
    open_store().succeed("log", "log-next")
    assert open_store().names() == ["log"]
    assert open_store().load("log") == heir
    assert open_store().public("log") != former.public
    assert code_of(lambda: open_store().succeed("log", "log-next")) is Code.KEY_MISSING
    assert code_of(lambda: open_store("another passphrase").load("log")) is Code.PASSPHRASE_WRONG


def test_a_succession_that_was_cut_off_is_completed_by_the_same_call(open_store: OpenStore, tmp_path: Path) -> None:
    heir = (open_store().create("log"), open_store().create("log-next"))[1]
    file = (tmp_path / "keys" / "log-next.key").read_bytes()
    open_store().succeed("log", "log-next")
    (tmp_path / "keys" / "log-next.key").write_bytes(file)  # died before the old file was gone
    (tmp_path / "keys" / "log-next.key").chmod(0o600)
    open_store().succeed("log", "log-next")
    assert (open_store().names(), open_store().load("log")) == (["log"], heir)
