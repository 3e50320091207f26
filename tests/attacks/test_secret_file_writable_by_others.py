"""Whoever can change a secret's file decides with which credentials the kernel acts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.keys.references import References
from infrafabric.keys.vault_content import Kept


class NoVault:
    def kept(self, name: str) -> Kept:
        raise AssertionError(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("from-the-file")
    path.chmod(0o600)
    return path


def resolve(path: Path) -> str:
    return References(NoVault(), SecretRedactor(), {}).resolve(f"file:{path}")


def refusal(path: Path) -> FabricError:
    with pytest.raises(FabricError) as refused:
        resolve(path)
    return refused.value


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
def test_a_file_that_others_may_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    error = refusal(path)
    assert error.code is Code.SECRET_FILE
    assert f"{mode:04o}" in error.message


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o444])
def test_a_file_that_only_its_owner_may_write_is_taken(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert resolve(path) == "from-the-file"


def test_a_link_is_judged_by_what_it_leads_to(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert resolve(link) == "from-the-file"
    path.chmod(0o666)
    assert refusal(link).code is Code.SECRET_FILE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(path: Path) -> None:
    os.chown(path, 12345, 12345)
    assert refusal(path).code is Code.SECRET_FILE


def test_pipes_folders_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        assert refusal(path).code is Code.SECRET_FILE
