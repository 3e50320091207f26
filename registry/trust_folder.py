"""The trust sets of a home, in a folder: one file a version, written once, never changed.

`<root>/<version>.json`. Which of them counts is not decided here: the log names the current one, `trust.load` and
`trust.advance` judge.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.disk import sync_folder, write_synced, writing
from infrafabric.registry.signed_json import MAX_BYTES
from infrafabric.registry.trust import Trusted

__all__ = ["TrustFolder"]

_FILE = re.compile(r"([1-9][0-9]{0,15})\.json")


class TrustFolder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def versions(self) -> tuple[int, ...]:
        """The versions that are stored, rising."""
        if not self._root.is_dir():
            return ()
        found = (_FILE.fullmatch(path.name) for path in self._root.iterdir())
        return tuple(sorted(int(match[1]) for match in found if match))

    def read(self, version: int | None = None) -> bytes:
        """The document of a version; without one, of the highest. Raises IF_ERR_TRUST_MISSING, IF_ERR_TRUST_INVALID."""
        if version is None:
            version = max(self.versions(), default=0)
        path = self._root / f"{version}.json"
        if not path.is_file():
            raise FabricError(Code.TRUST_MISSING, f"there is no trust set {path.name} in {self._root.name}")
        with path.open("rb") as file:
            document = file.read(MAX_BYTES + 1)
        if len(document) > MAX_BYTES:
            raise FabricError(Code.TRUST_INVALID, f"the trust set {path.name} has more than {MAX_BYTES} bytes")
        return document

    def write(self, trusted: Trusted) -> None:
        """Store a set; on return it is on the disk.

        Raises IF_ERR_EXISTS where another of its version is stored, IF_ERR_FILE_UNWRITABLE, IF_ERR_DISK_FULL.
        """
        path = self._root / f"{trusted.trust.version}.json"
        with writing(f"the trust set {path.name}"):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.exists():
                if path.read_bytes() == trusted.document:
                    return
                raise FabricError(Code.EXISTS, f"another trust set of version {trusted.trust.version} is stored")
            aside = self._root / f".aside-{secrets.token_hex(8)}"
            try:
                write_synced(aside, trusted.document)
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
            sync_folder(self._root)
