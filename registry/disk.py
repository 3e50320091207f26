"""Writing files so that they are on the disk, and saying in the house's words why they cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["sync_folder", "sync_tree", "write_synced", "writing"]


@contextlib.contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn the system's errors while `what` is written into IF_ERR_DISK_FULL or IF_ERR_FILE_UNWRITABLE."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            raise FabricError(Code.DISK_FULL, f"no room to write {what}") from None
        raise FabricError(Code.FILE_UNWRITABLE, f"{what} cannot be written: {error.strerror or error}") from None


def write_synced(path: Path, content: bytes) -> None:
    """Make a new file, on the disk before this returns. Its folder's entry is the caller's to sync."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(folder: Path) -> None:
    """Make the entries of a folder and of all folders below it durable."""
    for path, _, _ in os.walk(folder):
        sync_folder(Path(path))


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable, where the system can be told to (Windows does it by itself)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
