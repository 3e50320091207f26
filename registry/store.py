"""The bundle store: verified bundles in a folder, each under its digest, kept for as long as runs may be replayed.

`<root>/<64 hex digits>/` is a bundle folder. A bundle appears whole or not at all (written aside, synced, renamed), and
nothing that is read from the disk is believed: every load verifies signatures, digests and the folder's own name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import Bundle, add_signatures, read_bundle, read_manifest, write_bundle
from infrafabric.registry.disk import sync_folder, write_synced, writing
from infrafabric.registry.manifest import MANIFEST_FILE, Document
from infrafabric.registry.signing import bundle_digest, signers

__all__ = ["BundleStore"]

_HEX = re.compile(r"[0-9a-f]{64}")
_ASIDE = ".aside-"
_ATTEMPTS = 5
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
_STALE_S = 3600
"""Age at which a folder written aside is taken for the remains of a crash."""


class BundleStore:
    """The bundles under one folder. Safe to use from several processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def install(self, bundle: Bundle) -> None:
        """Keep `bundle`; on return it is on the disk. What is stored damaged is replaced; what is stored well stays,
        and new signatures join those that it has (of two that join at once, one may be lost).

        Raises IF_ERR_FILE_UNWRITABLE, IF_ERR_DISK_FULL, IF_ERR_BUSY.
        """
        with writing(f"the bundle {bundle.digest}"):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._sweep()
            with self._aside() as aside:
                if not self._joined(bundle, aside):
                    write_bundle(bundle, aside / "new")
                    self._move_in(bundle, aside)
                sync_folder(self._root)

    def _joined(self, bundle: Bundle, aside: Path) -> bool:
        """Whether the bundle is stored undamaged, now with all signatures of both."""
        try:
            stored = self.load(bundle.digest)
        except FabricError:
            return False  # missing or damaged: it is to be written
        if not set(bundle.manifest.all_signatures) <= set(stored.manifest.all_signatures):
            folder = self._folder(bundle.digest)
            write_synced(aside / MANIFEST_FILE, add_signatures(stored, bundle.manifest.all_signatures).text)
            (aside / MANIFEST_FILE).replace(folder / MANIFEST_FILE)
            sync_folder(folder)
        return True

    def _move_in(self, bundle: Bundle, aside: Path) -> None:
        """Give the folder written aside its place. A damaged one that has it goes aside first."""
        folder = self._folder(bundle.digest)
        for attempt in range(_ATTEMPTS):
            try:
                (aside / "new").rename(folder)
                return
            except OSError as error:
                if error.errno not in _TAKEN and not os.path.lexists(folder):
                    raise
            if self._joined(bundle, aside):  # another process put it there
                return
            with contextlib.suppress(FileNotFoundError):  # another process took it away
                folder.rename(aside / f"old-{attempt}")
        raise FabricError(Code.BUSY, f"others keep changing the bundle {bundle.digest}", retry_after=1)

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
        with writing(f"the bundle {digest}"), self._aside() as aside:
            folder.rename(aside / "old")
            sync_folder(self._root)

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
