"""One kernel a home: an exclusive lock that the operating system releases when its holder dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.locking import LOCKED_BYTES, try_lock

__all__ = ["HomeLock"]

POLL_S = 0.05


class HomeLock:
    """The exclusive lock of a home, held from `acquire` to `release` or until the process dies.

    The file names its holder for the refusal's message only; the lock itself is the operating system's (flock(2) on
    POSIX, msvcrt on Windows), so a file left behind by a dead process locks nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(
        self,
        wait_s: float,
        *,
        waiting: Callable[[str], None] | None = None,
        instead: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Take the lock, waiting at most `wait_s` seconds. Raises IF_ERR_HOME_LOCKED.

        `waiting` is told once, in words, when there is something to wait for. False, and no lock, where another holds
        it and `instead` says that it need not be waited for.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        deadline = time.monotonic() + wait_s
        told = False
        while not try_lock(descriptor):
            if instead():
                os.close(descriptor)
                return False
            if time.monotonic() >= deadline:
                holder = self.holder()
                os.close(descriptor)
                raise FabricError(
                    Code.HOME_LOCKED, f"{self._path.parent} is open in {holder}; waited {wait_s:g} s", retry_after=1.0
                )
            if waiting is not None and not told:
                waiting(f"waiting for {self.holder()} to finish with {self._path.parent}")
                told = True
            time.sleep(POLL_S)
        self._descriptor = descriptor
        os.lseek(descriptor, LOCKED_BYTES, os.SEEK_SET)
        os.ftruncate(descriptor, LOCKED_BYTES)
        os.write(descriptor, str(os.getpid()).encode())
        return True

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def holder(self) -> str:
        """Who holds the lock, in words, as far as the file says."""
        try:
            text = self._path.read_bytes()[LOCKED_BYTES:].decode("ascii", "replace").strip()
        except OSError:  # Windows refuses to read what another process has locked
            return "another process"
        return f"process {text}" if text.isdigit() else "another process"

    def __enter__(self) -> HomeLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
