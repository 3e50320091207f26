from __future__ import annotations

from pathlib import Path

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.passphrase import Passphrase


def code_of(passphrase: Passphrase) -> Code:
    with pytest.raises(FabricError) as refusal:
        passphrase.get()
    return refusal.value.code


def test_the_first_source_that_is_there_decides(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from the file\nsecond line\n")
    file.chmod(0o600)
    environ = {"INFRAFABRIC_PASSPHRASE": "from the environment"}
    everything = Passphrase("outright", file=file, environ=environ, prompt=lambda: "asked")
    assert everything.get() == b"outright"
    assert Passphrase(file=file, environ=environ, prompt=lambda: "asked").get() == b"from the file"
    assert Passphrase(environ=environ, prompt=lambda: "asked").get() == b"from the environment"
    assert Passphrase(environ={}, prompt=lambda: "asked").get() == b"asked"
    assert code_of(Passphrase(environ={})) is Code.PASSPHRASE_REQUIRED


def test_a_person_is_asked_once() -> None:
    answers = iter(["first", "second"])
    passphrase = Passphrase(environ={}, prompt=lambda: next(answers))
    assert [passphrase.get(), passphrase.get()] == [b"first", b"first"]
    passphrase.forget()
    assert passphrase.get() == b"second"


def test_a_named_file_that_cannot_serve_is_not_passed_over(tmp_path: Path) -> None:
    environ = {"INFRAFABRIC_PASSPHRASE": "from the environment"}
    assert code_of(Passphrase(file=tmp_path / "missing", environ=environ)) is Code.PASSPHRASE_REQUIRED
    assert code_of(Passphrase(file=tmp_path, environ=environ)) is Code.PASSPHRASE_REQUIRED
    open_to_all = tmp_path / "open"
    open_to_all.write_text("anyone's")
    open_to_all.chmod(0o666)
    assert code_of(Passphrase(file=open_to_all, environ=environ)) is Code.PASSPHRASE_REQUIRED


def test_an_empty_passphrase_is_none() -> None:
    assert code_of(Passphrase("")) is Code.PASSPHRASE_REQUIRED
    assert code_of(Passphrase(environ={"INFRAFABRIC_PASSPHRASE": ""})) is Code.PASSPHRASE_REQUIRED
    assert code_of(Passphrase("x" * 5000)) is Code.PASSPHRASE_REQUIRED


def test_keyboards_may_compose_letters_differently() -> None:
    assert Passphrase("cafe\u0301").get() == Passphrase("caf\u00e9").get()


def test_a_new_passphrase_has_eight_characters() -> None:
    assert Passphrase("12345678").get_new() == b"12345678"
    with pytest.raises(FabricError) as refusal:
        Passphrase("ääääää").get_new()
    assert refusal.value.code is Code.PASSPHRASE_TOO_SHORT


def test_it_does_not_show_itself() -> None:
    assert "outright" not in repr(Passphrase("outright"))
