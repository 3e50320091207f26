"""Small private files: read with a look at who else could have changed them, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.locking import try_lock

__all__ = [
    "OTHERS",
    "WRITERS",
    "Exposed",
    "Unfit",
    "create_file",
    "locked",
    "private_folder",
    "read_file",
    "replace_file",
]

OTHERS = 0o077
"""Mode bits by which users other than the owner may do anything."""
WRITERS = 0o022
"""Mode bits by which users other than the owner may write."""
LOCK_WAIT_S = 10.0
POLL_S = 0.01


class Unfit(Exception):
    """The file is there but must not be relied on. The message says why, in words that follow its name."""


class TooLong(Unfit):
    """The file is larger than it may be."""


class Exposed(Unfit):
    """Users other than the owner may do to the file what they must not."""


def read_file(path: Path, limit: int, forbidden: int) -> bytes:
    """At most `limit` bytes of a regular file, which symbolic links may lead to.

    Raises `Unfit` where it is no regular file, `TooLong` where it is larger, `Exposed` (POSIX) where it grants one of
    the `forbidden` mode bits or, if any are forbidden, belongs to a user other than root and this process's; OSError
    where it cannot be read. What is checked is what is read: the checks are made on the open file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unfit("is not a regular file")
        if sys.platform != "win32" and forbidden:
            if status.st_mode & forbidden:
                raise Exposed(f"has mode {stat.S_IMODE(status.st_mode):04o}")
            if status.st_uid not in (0, os.geteuid()):
                raise Exposed(f"belongs to user {status.st_uid}")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise TooLong(f"is larger than {limit} bytes")
    return data


def private_folder(path: Path) -> None:
    """Make the folder, and its parents, so that only its owner may enter it. Raises IF_ERR_KEYS_UNWRITABLE."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32" and path.stat().st_mode & OTHERS:
            path.chmod(0o700)
    except OSError as error:
        raise _unwritable(path, error) from None


def replace_file(path: Path, data: bytes) -> None:
    """Write `path` so that at any moment, also after a crash, it holds all of the old bytes or all of the new.

    The caller holds the lock of its folder. Raises IF_ERR_KEYS_UNWRITABLE, IF_ERR_DISK_FULL.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)
        _write_new(draft, data)
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            draft.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def create_file(path: Path, data: bytes) -> None:
    """Write a new file. Raises IF_ERR_EXISTS, IF_ERR_KEYS_UNWRITABLE, IF_ERR_DISK_FULL.

    It uses neither links nor modes that a removable disk may lack, so a crash can leave part of a file behind.
    """
    try:
        _write_new(path, data)
        _sync_folder(path.parent)
    except FileExistsError:
        raise FabricError(Code.EXISTS, f"{path} exists and is not overwritten") from None
    except OSError as error:
        raise _unwritable(path, error) from None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` against other processes and threads. Raises IF_ERR_KEYS_LOCKED after 10 s.

    The lock is the operating system's and falls with its holder; the file stays.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise FabricError(Code.KEYS_LOCKED, f"{path} is held by another process", retry_after=1.0)
            time.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise


def _sync_folder(path: Path) -> None:
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync no folders
                raise
        finally:
            os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> FabricError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FabricError(Code.DISK_FULL, f"no room to write {path}")
    return FabricError(Code.KEYS_UNWRITABLE, f"{path}: {error.strerror or error}")
