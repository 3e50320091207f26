"""The latest checkpoint, kept outside the database: two slots of one preallocated file, written in turn.

A write that is torn spoils one slot and leaves the other. A database older than the newest slot was put back, not
interrupted, because a slot is written only after its commit. (A restored image of the whole disk takes the slots along:
only an anchor or a cosigner elsewhere can tell.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Slots"]

SLOT_BYTES = 4096
"""One block, so that the two never share a sector or page."""
_MAGIC = b"IFSLOT1\n"
_HEAD = len(_MAGIC) + 8 + 4
MAX_NOTE_BYTES = SLOT_BYTES - _HEAD - 32
_SYNC = getattr(os, "O_DSYNC", 0)
_BINARY = getattr(os, "O_BINARY", 0)


class Slots:
    """The file `path`, made if it is not there. `before_sync` is called ahead of each write."""

    def __init__(self, path: Path, *, before_sync: Callable[[], None] | None = None) -> None:
        self._path = path
        self._before_sync = before_sync
        self._generation: int
        self._note: str | None
        fresh = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | _SYNC | _BINARY, 0o600)
        blocks = [self._read_at(position) for position in (0, SLOT_BYTES)]
        whole = [found for found in map(_decode, blocks) if found is not None]
        self._generation, self._note = max(whole) if whole else (0, None)
        written = b"".join(blocks).strip(b"\0") != b"" or len(blocks[1]) < SLOT_BYTES
        self._spoilt = not fresh and not whole and written
        if len(blocks[1]) < SLOT_BYTES:
            self._preallocate()

    def _preallocate(self) -> None:
        os.lseek(self._file, 0, os.SEEK_END)
        os.write(self._file, bytes(2 * SLOT_BYTES - os.fstat(self._file).st_size))
        os.fsync(self._file)
        if os.name == "posix":
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def read(self) -> str | None:
        """The newest whole note; None when none was ever written. Raises IF_ERR_LOG_ROLLED_BACK if both are spoilt."""
        if self._spoilt:
            raise FabricError(Code.LOG_ROLLED_BACK, f"both checkpoint slots of {self._path.name} are unreadable")
        return self._note

    def _read_at(self, position: int) -> bytes:
        os.lseek(self._file, position, os.SEEK_SET)
        return os.read(self._file, SLOT_BYTES)

    def write(self, note: str) -> None:
        """Keep `note`, durably. Raises OSError when that cannot be done; the other slot is whole then."""
        data = note.encode()
        if len(data) > MAX_NOTE_BYTES:
            raise FabricError(Code.TOO_LARGE, f"a checkpoint of {len(data)} bytes does not fit its slot")
        generation = self._generation + 1
        head = _MAGIC + generation.to_bytes(8, "big") + len(data).to_bytes(4, "big") + data
        block = (head + sha256(head).digest()).ljust(SLOT_BYTES, b"\0")
        if self._before_sync is not None:
            self._before_sync()
        os.lseek(self._file, generation % 2 * SLOT_BYTES, os.SEEK_SET)
        written = os.write(self._file, block)
        if written != SLOT_BYTES:
            raise OSError(f"{written} of {SLOT_BYTES} bytes of a checkpoint slot were written")
        if not _SYNC:
            os.fsync(self._file)
        self._generation, self._note, self._spoilt = generation, note, False

    def close(self) -> None:
        os.close(self._file)


def _decode(block: bytes) -> tuple[int, str] | None:
    if not block.startswith(_MAGIC):
        return None
    length = int.from_bytes(block[_HEAD - 4 : _HEAD], "big")
    end = _HEAD + length
    if length > MAX_NOTE_BYTES or sha256(block[:end]).digest() != block[end : end + 32]:
        return None
    return int.from_bytes(block[len(_MAGIC) : _HEAD - 4], "big"), block[_HEAD:end].decode()
