"""Bundles: a signed manifest with the bytes of exactly the files that it names.

A *source folder* is an author's: drafts, files, tests, a README. A *bundle folder* holds `manifest.yaml` and the files
it names, and nothing else whatever: no dotfile, no `__pycache__`, no empty folder, no link. `sign_bundle` and `pack`
lead from the one to the other; `read_bundle` takes a bundle folder in.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.keys.signing import PublicKey, SigningKey
from infrafabric.registry import plain_yaml, signing
from infrafabric.registry.disk import sync_tree, write_synced, writing
from infrafabric.registry.manifest import MANIFEST_FILE, MAX_BYTES, Document, parse, parse_draft

__all__ = [
    "MAX_FILE_BYTES", "MAX_TOTAL_BYTES", "Bundle", "add_signature", "add_signatures", "open_bundle", "pack",
    "read_bundle", "read_manifest", "sign_bundle", "write_bundle",
]  # fmt: skip

MAX_FILE_BYTES = 32 << 20
"""A component with a language's runtime in it fits."""
MAX_TOTAL_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that holds together: signatures valid, files those that were signed. Made by `open_bundle`.

    Whether anyone trusts its signers is the trust set's question.
    """

    manifest: Manifest
    digest: str
    files: Mapping[str, bytes]
    signers: tuple[PublicKey, ...]
    text: bytes
    """`manifest.yaml`, byte for byte."""


def open_bundle(text: bytes, files: Mapping[str, bytes]) -> Bundle:
    """The bundle of this manifest text and these files. Pure.

    Raises what `parse` and `signers` raise, and IF_ERR_BUNDLE_FILE_MISSING, _EXTRA or _CHANGED, naming the file.
    """
    return _opened(parse(text), text, files)


def _opened(document: Document, text: bytes, files: Mapping[str, bytes]) -> Bundle:
    signers = signing.signers(document)
    _check_files(document, files)
    kept = MappingProxyType({name: files[name] for name in document.manifest.files})
    return Bundle(document.manifest, signing.bundle_digest(document.data), kept, signers, text)


def _check_files(document: Document, files: Mapping[str, bytes]) -> None:
    manifest = document.manifest
    for name in sorted(set(manifest.files) - set(files)):
        raise FabricError(Code.BUNDLE_FILE_MISSING, f"{manifest.name}: {name} was signed and is missing")
    for name in sorted(set(files) - set(manifest.files)):
        raise FabricError(Code.BUNDLE_FILE_EXTRA, f"{manifest.name}: {name[:80]!r} was not signed")
    for name, digest in manifest.files.items():
        if canonical.sha256(files[name]) != digest:
            raise FabricError(Code.BUNDLE_FILE_CHANGED, f"{manifest.name}: {name} is not the file that was signed")


def read_bundle(folder: Path) -> Bundle:
    """The bundle in a bundle folder. No link is followed and nothing but the manifest is read before its signature is.

    Raises what `open_bundle` raises; IF_ERR_BUNDLE_MISSING where the folder or its manifest is not there,
    IF_ERR_BUNDLE_PATH for links and special files, IF_ERR_TOO_LARGE beyond the size limits.
    """
    text = _manifest_text(folder)
    document = parse(text)
    signing.signers(document)
    found = _listed(folder, document.manifest)
    names = [name for name in document.manifest.files if name in found]
    return _opened(document, text, _read_files(folder, names))


def read_manifest(folder: Path) -> Document:
    """The manifest alone of a bundle folder, not verified against anything. Raises as `parse` does, BUNDLE_MISSING."""
    return parse(_manifest_text(folder))


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Make `folder` the bundle's folder, on the disk before this returns.

    Raises IF_ERR_EXISTS where it exists and is not an empty folder, IF_ERR_FILE_UNWRITABLE, IF_ERR_DISK_FULL.
    """
    with writing(f"the bundle folder {folder.name}"):
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise FabricError(Code.EXISTS, f"{folder.name} exists already and is not an empty folder")
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in [*bundle.files.items(), (MANIFEST_FILE, bundle.text)]:
            path = folder.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(path, content)
        sync_tree(folder)


# --- signing -------------------------------------------------------------------------------------------------------


def sign_bundle(folder: Path, manifest_file: str, key: SigningKey) -> Bundle:
    """The signed bundle of a draft in a source folder; nothing is written. Other files of the folder stay out.

    Raises what `parse_draft` raises; IF_ERR_BUNDLE_FILE_MISSING for a file, or the draft, that is not there;
    IF_ERR_BUNDLE_PATH for links; IF_ERR_TOO_LARGE.
    """
    draft = parse_draft(_read_file(folder, manifest_file, MAX_BYTES, too_large=Code.MANIFEST_TOO_LARGE))
    files = _read_files(folder, draft.files)
    data = {**draft.data, "files": {name: canonical.sha256(content) for name, content in files.items()}}
    return _signed(data, (signing.sign(data, key),), files)


def add_signature(bundle: Bundle, key: SigningKey) -> Bundle:
    """The bundle with one more signature, by `key`."""
    return add_signatures(bundle, (signing.sign(parse(bundle.text).data, key),))


def add_signatures(bundle: Bundle, signatures: Iterable[str]) -> Bundle:
    """The bundle with these signatures too; each must be valid. A key signs the same bytes the same way, so
    signing twice adds nothing.

    Raises IF_ERR_SIGNATURE_INVALID.
    """
    together = tuple(dict.fromkeys((*bundle.manifest.all_signatures, *signatures)))
    return _signed(parse(bundle.text).data, together, bundle.files)


def _signed(data: Mapping[str, object], signatures: tuple[str, ...], files: Mapping[str, bytes]) -> Bundle:
    text = plain_yaml.dumps(signing.with_signatures(data, signatures))
    return open_bundle(text.encode("utf-8"), files)


def pack(source: Path, manifest_file: str, out: Path, key: SigningKey) -> Bundle:
    """Sign a draft and write its bundle folder. Raises what `sign_bundle` and `write_bundle` raise."""
    bundle = sign_bundle(source, manifest_file, key)
    write_bundle(bundle, out)
    return bundle


# --- reading files -------------------------------------------------------------------------------------------------


def _manifest_text(folder: Path) -> bytes:
    if not folder.is_dir():
        raise FabricError(Code.BUNDLE_MISSING, f"there is no bundle folder {folder.name!r}")
    try:
        return _read_file(folder, MANIFEST_FILE, MAX_BYTES, too_large=Code.MANIFEST_TOO_LARGE)
    except FabricError as error:
        if error.code is Code.BUNDLE_FILE_MISSING:
            raise FabricError(Code.BUNDLE_MISSING, f"{folder.name} holds no {MANIFEST_FILE}") from None
        raise


def _listed(folder: Path, manifest: Manifest) -> set[str]:
    """The names of the regular files below `folder`; the first thing that the manifest does not name is refused."""
    folders = {"/".join(name.split("/")[:depth]) for name in manifest.files for depth in range(1, name.count("/") + 1)}
    found: set[str] = set()
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with _scanned(folder / prefix) as entries:
            for entry in entries:
                name = f"{prefix}{entry.name}"
                if entry.is_symlink() or _is_junction(entry):
                    raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is a link; bundles hold files only")
                if entry.is_dir(follow_symlinks=False):
                    if name not in folders:
                        raise FabricError(Code.BUNDLE_FILE_EXTRA, f"{manifest.name}: {name[:80]!r} was not signed")
                    waiting.append(f"{name}/")
                elif not entry.is_file(follow_symlinks=False):
                    raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is no regular file")
                elif name != MANIFEST_FILE and name not in manifest.files:
                    raise FabricError(Code.BUNDLE_FILE_EXTRA, f"{manifest.name}: {name[:80]!r} was not signed")
                else:
                    found.add(name)
    return found


def _scanned(folder: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise FabricError(Code.BUNDLE_MISSING, f"{folder.name} went away while it was read") from None
    except OSError as error:
        raise FabricError(Code.FILE_UNREADABLE, f"{folder.name} cannot be read: {error.strerror}") from None


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether Windows would lead elsewhere from here."""
    if os.name != "nt":
        return False
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0))


def _read_files(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    room = MAX_TOTAL_BYTES
    for name in names:
        files[name] = _read_file(folder, name, min(room, MAX_FILE_BYTES))
        room -= len(files[name])
    return files


def _read_file(folder: Path, name: str, limit: int, *, too_large: Code = Code.TOO_LARGE) -> bytes:
    """A regular file below `folder`, reached without any link, of at most `limit` bytes."""
    parts = name.split("/")
    if Path(name).is_absolute() or any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
        raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} leaves the folder")
    for depth in range(1, len(parts)):
        if folder.joinpath(*parts[:depth]).is_symlink():
            raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} leads through a link")
    path = folder.joinpath(*parts)
    # O_NONBLOCK: opening a pipe must not wait for its other end.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if path.is_symlink():
            raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is a link; bundles hold files only")
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise FabricError(Code.BUNDLE_FILE_MISSING, f"{name[:80]!r} is missing") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is a link; bundles hold files only") from None
        raise FabricError(Code.FILE_UNREADABLE, f"{name[:80]!r} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is no regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FabricError(too_large, f"{name[:80]!r} has more than {limit} bytes")
    return content
