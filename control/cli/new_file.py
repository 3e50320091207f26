"""A file that a command is asked to write: opened before the command acts, filled or removed afterwards."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["NewFile"]


class NewFile:
    """A fresh, empty file. Exactly one of `keep`, `discard` and `end` is called."""

    def __init__(self, path: Path, mode: int = 0o644) -> None:
        """Raises IF_ERR_EXISTS, IF_ERR_FILE_UNWRITABLE; nothing was made then."""
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        except FileExistsError:
            raise FabricError(Code.EXISTS, f"{path} exists and is not overwritten") from None
        except OSError as error:
            raise _unwritable(path, error) from None

    def keep(self, data: bytes) -> None:
        """Fill the file, durably. Raises IF_ERR_FILE_UNWRITABLE; the file is removed then."""
        try:
            with os.fdopen(self._descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._remove()
            raise _unwritable(self.path, error) from None

    def discard(self) -> None:
        """Nothing came of it: remove the file."""
        os.close(self._descriptor)
        self._remove()

    def end(self, data: bytes | None) -> FabricError | None:
        """`keep` what came of it, or `discard` where nothing did; what kept it from being written."""
        if data is None:
            self.discard()
            return None
        try:
            self.keep(data)
        except FabricError as error:
            return error
        return None

    def _remove(self) -> None:
        with suppress(OSError):  # an empty file that stays is no reason to hide why there is nothing in it
            self.path.unlink()


def _unwritable(path: Path, error: OSError) -> FabricError:
    return FabricError(Code.FILE_UNWRITABLE, f"{path}: {error.strerror or error}")
