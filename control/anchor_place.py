"""A directory that is anchored in again and again."""

from __future__ import annotations

from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness import anchor
from infrafabric.witness.checkpoint import SignedCheckpoint

__all__ = ["LASTING", "AnchorPlace"]

LASTING = frozenset({Code.FILE_UNWRITABLE, Code.BUSY, Code.HOME_LOCKED})
"""What may pass by itself: a disk that is not mounted, or full; a log that is busy. All else needs a person."""


class AnchorPlace:
    """The directory is never made: one that is not there is a disk that is not mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last: Path | None = None
        """The newest anchor that was written here."""
        self._size = -1

    def write(self, head: SignedCheckpoint) -> Path:
        """The anchor of `head`, written unless this place wrote it before.

        Raises IF_ERR_FILE_UNWRITABLE where the directory is not there, cannot be written, or no longer holds the anchor
        written last: then another medium is mounted, or someone took it away. Raises IF_ERR_ANCHOR_EXISTS.
        """
        try:
            if not self.folder.is_dir():
                raise FabricError(Code.FILE_UNWRITABLE, f"{self.folder} is no directory that is there")
            if self.last is not None and not self.last.is_file():
                raise FabricError(
                    Code.FILE_UNWRITABLE,
                    f"{self.folder} no longer holds {self.last.name}, which was written there",
                    remedy="Mount the medium that holds it. If it was taken away on purpose, start again.",
                )
            if self.last is None or head.size != self._size:
                self.last, self._size = anchor.write(head, self.folder, make=False), head.size
        except OSError as error:
            raise FabricError(Code.FILE_UNWRITABLE, f"{self.folder}: {error.strerror or error}") from None
        return self.last
