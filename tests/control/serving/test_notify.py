"""Telling systemd, and the unit that `ifctl up --systemd` prints."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.control.home import Home
from infrafabric.control.serving.notify import notify
from infrafabric.control.serving.unit import unit
from infrafabric.kernel.errors import Code, FabricError


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets of that family here")
def test_who_wants_to_be_told_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = str(tmp_path_factory.mktemp("n") / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(place)
        assert notify("READY=1", {"NOTIFY_SOCKET": place})
        assert told.recv(100) == b"READY=1"
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "vsock:2:3"})
    assert not notify("READY=1", {"NOTIFY_SOCKET": f"{place}.not"})


def test_the_unit_is_one(bare_home: Ifctl, tmp_path: Path) -> None:
    text = bare_home("up", "--systemd").stdout
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    sections = [line for line in lines if line.startswith("[")]
    assert sections == ["[Unit]", "[Service]", "[Install]"]
    assert all(line.startswith("[") or line.partition("=")[0].isalpha() for line in lines)
    assert "Type=notify" in lines
    assert f"ReadWritePaths={bare_home.home}" in lines
    assert "LoadCredentialEncrypted" not in text
    assert bare_home.ok("up", "--systemd") == {"unit": text}
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        place = tmp_path / "infrafabric.service"
        place.write_text(text)
        checked = subprocess.run([analyze, "verify", str(place)], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_a_production_home_gets_its_passphrase_as_a_credential(tmp_path: Path) -> None:
    root = tmp_path / "a home of $5 & 100%"
    root.mkdir()
    (root / "infrafabric.toml").write_text("")
    text = unit(Home(root, "production", "example.org/x"))
    assert "LoadCredentialEncrypted=infrafabric-passphrase\n" in text
    assert "--passphrase-file %d/infrafabric-passphrase\n" in text
    assert f'--home "{tmp_path}/a home of $$5 & 100%%"' in text


def test_a_path_that_no_unit_can_hold_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "two\nlines"
    root.mkdir()
    (root / "infrafabric.toml").write_text("")
    with pytest.raises(FabricError) as refused:
        unit(Home(root, "development", "example.org/x"))
    assert refused.value.code is Code.NAME_INVALID
