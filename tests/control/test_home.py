"""A home is made whole or not at all, is opened by one kernel, and is never taken backwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from infrafabric.control.home import FOLDERS, Home, chosen_home, write_atomically
from infrafabric.kernel.errors import Code, FabricError

ORIGIN = "example.org/log"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    with Home.create(tmp_path / "home", "development", ORIGIN):
        pass
    return Home.open(tmp_path / "home")


def test_a_new_home_has_its_folders_for_its_owner_alone(home: Home) -> None:
    assert {path.name for path in home.root.iterdir() if path.is_dir()} == set(FOLDERS)
    if os.name == "posix":
        folders = [home.root, *(home.root / name for name in FOLDERS)]
        assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}


def test_open_reads_back_what_create_wrote(home: Home) -> None:
    assert (home.kind, home.origin, home.is_development) == ("development", ORIGIN, True)


def test_a_home_that_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Home.create(tmp_path / "home", "production", ORIGIN):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_become_a_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with Home.create(tmp_path / "home", "production", ORIGIN):
        pass
    assert Home.open(tmp_path / "home").kind == "production"


@pytest.mark.parametrize("name", ["home.json", "other.txt"])
def test_a_folder_with_files_is_not_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / name).write_text("mine")
    with pytest.raises(FabricError) as refused, Home.create(tmp_path / "home", "production", ORIGIN):
        pass
    assert refused.value.code == Code.HOME_EXISTS
    assert (tmp_path / "home" / name).read_text() == "mine"


def test_a_home_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(FabricError) as refused, Home.create(tmp_path / "home", "production", ORIGIN):
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "theirs").write_text("theirs")
    assert refused.value.code == Code.HOME_EXISTS
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_no_home_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FabricError) as refused:
        Home.open(tmp_path / "nowhere")
    assert refused.value.code == Code.HOME_MISSING


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": "1"}', '{"format": 0}', '{"format": true}', '{"format": 1, "kind": "holiday"}']
)
def test_a_damaged_home_says_so(home: Home, text: str) -> None:
    (home.root / "home.json").write_text(text)
    with pytest.raises(FabricError) as refused:
        Home.open(home.root)
    assert refused.value.code == Code.HOME_DAMAGED


def test_a_newer_home_is_refused_whatever_else_it_says(home: Home) -> None:
    (home.root / "home.json").write_text('{"format": 2, "kind": "galactic"}')
    with pytest.raises(FabricError) as refused:
        Home.open(home.root)
    assert refused.value.code == Code.HOME_VERSION


def test_migrations_run_in_order_and_are_recorded_one_by_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def second(root: Path) -> None:
        seen.append(f"second at {json.loads((root / 'home.json').read_text())['format']}")

    def third(root: Path) -> None:
        seen.append("third")
        raise OSError("power cut")

    monkeypatch.setattr("infrafabric.control.home.FORMAT", 3)
    with pytest.raises(OSError, match="power cut"):
        home.migrate({1: second, 2: third}, to=3)
    assert seen == ["second at 1", "third"]
    assert json.loads((home.root / "home.json").read_text())["format"] == 2
    assert home.migrate({1: second, 2: lambda root: None}, to=3) == [3]
    assert seen == ["second at 1", "third"]


def test_the_lock_is_waited_for_and_names_its_holder(home: Home) -> None:
    told: list[str] = []
    with home.lock as held:
        held.acquire(0)
        with pytest.raises(FabricError) as refused:
            home.lock.acquire(0.15, waiting=told.append)
    assert refused.value.code == Code.HOME_LOCKED
    assert f"process {os.getpid()}" in refused.value.message
    assert len(told) == 1
    home.lock.acquire(0)


def test_the_lock_of_a_killed_process_is_free(home: Home) -> None:
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from infrafabric.control.lock import HomeLock
        HomeLock(Path({str(home.root / "lock")!r})).acquire(0)
        print("held", flush=True)
        time.sleep(50)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FabricError) as refused:
            home.lock.acquire(0)
        assert f"process {other.pid}" in refused.value.message
        other.kill()
        other.wait()
    with home.lock as lock:
        lock.acquire(0)


def test_the_home_is_chosen_by_option_then_environment_then_platform(tmp_path: Path) -> None:
    environment = {"INFRAFABRIC_HOME": str(tmp_path / "env"), "XDG_DATA_HOME": str(tmp_path / "data")}
    assert chosen_home(tmp_path / "option", environment) == tmp_path / "option"
    assert chosen_home(None, environment) == tmp_path / "env"
    if sys.platform == "linux":
        assert chosen_home(None, {"XDG_DATA_HOME": str(tmp_path / "data")}) == tmp_path / "data" / "infrafabric"


def test_an_atomic_write_replaces_and_leaves_no_other_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"one")
    write_atomically(tmp_path / "file", b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"two"}
