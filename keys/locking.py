"""The operating system's exclusive lock on an open file: it falls when its holder closes the file or dies."""

from __future__ import annotations

import os
import sys

__all__ = ["LOCKED_BYTES", "try_lock"]

LOCKED_BYTES = 1
"""Bytes from the file's start that nobody else may read on Windows while the lock is held. What the file tells others
stands after them."""

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Whether the lock was to be had, against every other descriptor of any process. Never waits."""
        os.lseek(descriptor, 0, os.SEEK_SET)  # it locks from where the descriptor stands
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, LOCKED_BYTES)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Whether the lock was to be had, against every other descriptor of any process. Never waits."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
