"""A bundle folder as a tar archive (POSIX.1-1988 ustar and its successors), as it is sent over a network.

Nothing is unpacked: the archive is read where it lies, and what is no plain file under a plain name is refused.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import MAX_FILE_BYTES, MAX_TOTAL_BYTES, Bundle, open_bundle
from infrafabric.registry.manifest import MANIFEST_FILE, MAX_BYTES

__all__ = ["MOST_MEMBERS", "open_archive", "pack_archive"]

MOST_MEMBERS = 2_000


def open_archive(data: bytes) -> Bundle:
    """The bundle in an archive that is not compressed. Folders in it are passed over.

    Raises what `open_bundle` raises; IF_ERR_BUNDLE_PATH for links, devices and names that leave the bundle or stand
    twice; IF_ERR_BUNDLE_MISSING where there is no manifest or the bytes are no archive; IF_ERR_TOO_LARGE.
    """
    files: dict[str, bytes] = {}
    room = MAX_TOTAL_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= MOST_MEMBERS:
                    raise FabricError(Code.TOO_LARGE, f"the archive has more than {MOST_MEMBERS} members")
                if member.isdir():
                    continue
                name = _plain(member, files)
                if member.size > min(room, MAX_FILE_BYTES):
                    raise FabricError(Code.TOO_LARGE, f"{name[:80]!r} is larger than a bundle's file may be")
                content = archive.extractfile(member)
                files[name] = content.read() if content is not None else b""
                room -= len(files[name])
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError):
        raise FabricError(Code.BUNDLE_MISSING, "the body is no tar archive of a bundle") from None
    text = files.pop(MANIFEST_FILE, None)
    if text is None:
        raise FabricError(Code.BUNDLE_MISSING, f"the archive holds no {MANIFEST_FILE}")
    if len(text) > MAX_BYTES:
        raise FabricError(Code.MANIFEST_TOO_LARGE, f"{MANIFEST_FILE} has {len(text)} bytes where {MAX_BYTES} are taken")
    return open_bundle(text, files)


def pack_archive(bundle: Bundle) -> bytes:
    """The archive of a bundle; the same bytes for the same bundle."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in [(MANIFEST_FILE, bundle.text), *sorted(bundle.files.items())]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _plain(member: tarfile.TarInfo, known: Mapping[str, bytes]) -> str:
    """The member's name below the bundle. Raises IF_ERR_BUNDLE_PATH."""
    name = member.name.removeprefix("./")
    parts = name.split("/")
    if not member.isreg():
        raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is no plain file; bundles hold files only")
    if not name or "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} is no plain name below the bundle")
    if name in known:
        raise FabricError(Code.BUNDLE_PATH, f"{name[:80]!r} stands in the archive twice")
    return name
