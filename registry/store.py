"""The bundle store: verified bundles in a folder, each under its digest, kept for as long as runs may be replayed.

`<root>/<64 hex digits>/` is a bundle folder. A bundle appears whole or not at all (written aside, synced, renamed), and
nothing that is read from the disk is believed: every load verifies signatures, digests and the folder's own name.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import Bundle, add_signatures, read_bundle, read_manifest, write_bundle
from infrafabric.registry.manifest import Document
from infrafabric.registry.signing import bundle_digest, signers

__all__ = ["BundleStore"]

_HEX = re.compile(r"[0-9a-f]{64}")
_ASIDE = ".aside-"
_STALE_S = 3600
"""Age at which a folder written aside is taken for the remains of a crash."""


class BundleStore:
    """The bundles under one folder. Safe to use from several processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def install(self, bundle: Bundle) -> None:
        """Keep `bundle`; on return it is on the disk. Installing what is there already mends or changes nothing,
        except that new signatures join those that the stored manifest has."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        stored = self._stored(bundle.digest)
        if stored is not None:
            if set(bundle.manifest.all_signatures) <= set(stored.manifest.all_signatures):
                return
            bundle = add_signatures(stored, bundle.manifest.all_signatures)
        with self._aside() as aside:
            fresh = aside / "new"
            write_bundle(bundle, fresh)
            _sync_tree(fresh)
            self._replace(fresh, self._folder(bundle.digest), aside / "old")

    def load(self, digest: str) -> Bundle:
        """The bundle of that digest, its bytes verified again.

        Raises IF_ERR_BUNDLE_MISSING where it is not stored, IF_ERR_BUNDLE_FILE_CHANGED where the stored manifest is
        another than the digest says, and what `read_bundle` raises.
        """
        bundle = read_bundle(self._existing(digest))
        if bundle.digest != digest:
            raise FabricError(Code.BUNDLE_FILE_CHANGED, f"the bundle stored as {digest} holds {bundle.digest}")
        return bundle

    def manifest(self, digest: str) -> Document:
        """The manifest of that digest, signatures and digest verified, the files left unread. Raises as `load`."""
        document = read_manifest(self._existing(digest))
        signers(document)
        if bundle_digest(document.data) != digest:
            raise FabricError(Code.BUNDLE_FILE_CHANGED, f"the manifest stored as {digest} is another")
        return document

    def digests(self) -> tuple[str, ...]:
        """The digests of all that is stored, sorted. What is stored may be damaged; `load` tells."""
        if not self._root.is_dir():
            return ()
        return tuple(sorted(f"sha256:{path.name}" for path in self._root.iterdir() if _HEX.fullmatch(path.name)))

    def remove(self, digest: str) -> None:
        """Forget a bundle: runs of it can no longer be replayed. Raises IF_ERR_BUNDLE_MISSING."""
        folder = self._existing(digest)
        with self._aside() as aside:
            folder.rename(aside / "old")
            _sync(self._root)

    def _stored(self, digest: str) -> Bundle | None:
        """What is stored, or None where that is nothing or damaged: then it is to be written again."""
        try:
            return self.load(digest)
        except FabricError:
            return None

    def _folder(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        if _HEX.fullmatch(name) is None or name == digest:
            raise FabricError(Code.NAME_INVALID, f"{digest[:80]!r} is no digest; one is sha256: and 64 hex digits")
        return self._root / name

    def _existing(self, digest: str) -> Path:
        folder = self._folder(digest)
        if folder.is_symlink():
            raise FabricError(Code.BUNDLE_PATH, f"the bundle {digest} is a link; the store holds folders only")
        if not folder.is_dir():
            raise FabricError(Code.BUNDLE_MISSING, f"the bundle {digest} is not in the bundle store")
        return folder

    def _replace(self, fresh: Path, folder: Path, old: Path) -> None:
        if folder.is_symlink() or folder.exists():
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            # Another process put a bundle of this digest there first. It is as good as this one, or it is refused.
            self.load(f"sha256:{folder.name}")
        _sync(self._root)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[Path]:
        aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=self._root))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # what stays is swept later

    def _sweep(self) -> None:
        for path in self._root.glob(f"{_ASIDE}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.lstat().st_mtime > _STALE_S:
                    shutil.rmtree(path, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        _sync(Path(path))
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the folder's entries durable, where the system can (Windows does it by itself)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
