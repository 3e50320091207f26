"""The one lock that homes and key folders rest on: exclusive, and gone with its holder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infrafabric.keys.locking import LOCKED_BYTES, try_lock

HOLDER = """
import os, sys
from infrafabric.keys.locking import try_lock
print(try_lock(os.open(sys.argv[1], os.O_RDWR)), flush=True)
sys.stdin.read()
"""


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def test_only_one_descriptor_has_it_until_it_is_closed(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "lock"), opened(tmp_path / "lock")
    assert try_lock(one)
    assert not try_lock(other)
    os.close(one)
    assert try_lock(other)
    os.close(other)


def test_it_does_not_matter_where_a_descriptor_stands(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "lock"), opened(tmp_path / "lock")
    os.write(one, b"  who holds it")
    assert try_lock(one)
    assert not try_lock(other)
    os.lseek(one, LOCKED_BYTES, os.SEEK_SET)
    assert os.read(one, 64).strip() == b"who holds it"
    os.close(one)
    os.close(other)


def test_it_falls_with_the_process_that_holds_it(tmp_path: Path) -> None:
    mine = opened(tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert not try_lock(mine)
        holder.kill()
        holder.wait()
        assert try_lock(mine)
    os.close(mine)
