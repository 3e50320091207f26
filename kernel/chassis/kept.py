"""The components of python/1 that a home has run, kept by digest, so that old runs can be replayed on what ran them.

A file is named `SHA256.wasm`. What it holds is verified against the digest in the log each time it is read; nothing
else vouches for it, and nothing but a replay runs it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["KeptComponents"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class KeptComponents:
    """The components in `folder`, of which the newest `most` stay."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most

    def keep(self, component: Path, wasm: bytes, runtime: str) -> None:
        """Keep the component that runs now, once, and remove the oldest beyond `most`. Raises OSError."""
        place = self._place(runtime)
        if not place.is_file() or place.stat().st_size != len(wasm):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            try:
                os.link(component, place)  # the build replaces its file and never rewrites it
            except OSError:
                self._write(place, wasm)
        others = sorted(
            (path for path in self._folder.glob("*.wasm") if path != place),
            key=lambda path: path.stat().st_mtime,
            reverse=True,
        )
        for path in others[max(0, self._most - 1) :]:
            path.unlink(missing_ok=True)

    def find(self, runtime: str) -> Path:
        """The file of the component `sha256:…`, verified. Raises IF_ERR_REPLAY_UNAVAILABLE."""
        place = self._place(runtime)
        try:
            wasm = place.read_bytes()
        except OSError:
            raise self._unavailable(runtime, f"is not kept in {self._folder}") from None
        if hashlib.sha256(wasm).hexdigest() != place.stem:
            raise self._unavailable(runtime, f"is kept in {self._folder}, and was altered there")
        return place

    def sizes(self) -> dict[str, int]:
        """Bytes of each component that is kept, by `sha256:…`."""
        with suppress(OSError):
            return {f"sha256:{path.stem}": path.stat().st_size for path in sorted(self._folder.glob("*.wasm"))}
        return {}

    def _place(self, runtime: str) -> Path:
        found = _DIGEST.fullmatch(runtime)
        if found is None:
            raise FabricError(Code.REPLAY_UNAVAILABLE, f"{runtime[:80]!r} names no component")
        return self._folder / f"{found[1]}.wasm"

    def _write(self, place: Path, wasm: bytes) -> None:
        number, name = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(wasm)
            Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _unavailable(self, runtime: str, why: str) -> FabricError:
        remedy = f"Put the component back as {self._place(runtime)}, from a backup or the release that had it."
        return FabricError(Code.REPLAY_UNAVAILABLE, f"the component {runtime} {why}", remedy=remedy)
