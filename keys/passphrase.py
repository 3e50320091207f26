"""Where a passphrase comes from: given outright, a file, the environment, or a person asked once."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import WRITERS, Unfit, read_file

__all__ = ["VARIABLE", "Passphrase"]

VARIABLE = "INFRAFABRIC_PASSPHRASE"
MAX_BYTES = 4096
MIN_CHARACTERS = 8


class Passphrase:
    """A passphrase that is fetched when it is first needed and kept for the life of this object.

    The first source that is there decides: `explicit`, `file` (its first line), the environment variable
    INFRAFABRIC_PASSPHRASE, `prompt`. Text is normalized to NFC, so that keyboards may differ.
    """

    def __init__(
        self,
        explicit: str | None = None,
        *,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        prompt: Callable[[], str] | None = None,
    ) -> None:
        self._explicit = explicit
        self._file = file
        self._environ = environ
        self._prompt = prompt
        self._lock = threading.Lock()
        self._known: bytes | None = None

    def get(self) -> bytes:
        """The passphrase's bytes. Raises IF_ERR_PASSPHRASE_REQUIRED where no source has one."""
        with self._lock:
            if self._known is None:
                self._known = self._fetch()
            return self._known

    def get_new(self) -> bytes:
        """The same for protecting something new: raises IF_ERR_PASSPHRASE_TOO_SHORT below 8 characters."""
        passphrase = self.get()
        if len(passphrase.decode("utf-8", "surrogateescape")) < MIN_CHARACTERS:
            raise FabricError(Code.PASSPHRASE_TOO_SHORT, f"a new passphrase has at least {MIN_CHARACTERS} characters")
        return passphrase

    def forget(self) -> None:
        """Ask again next time: for a prompt that was answered wrongly."""
        with self._lock:
            self._known = None

    def _fetch(self) -> bytes:
        if self._explicit is not None:
            return _encoded(self._explicit, "the passphrase given")
        if self._file is not None:
            return _encoded(_first_line(self._file), f"the passphrase file {self._file}")
        if VARIABLE in self._environ:
            return _encoded(self._environ[VARIABLE], VARIABLE)
        if self._prompt is not None:
            return _encoded(self._prompt(), "the passphrase entered")
        raise FabricError(Code.PASSPHRASE_REQUIRED, "no passphrase was given")

    def __repr__(self) -> str:
        return "Passphrase(…)"


def _first_line(path: Path) -> str:
    try:
        data = read_file(path, MAX_BYTES, WRITERS)
        return data.decode("utf-8").partition("\n")[0].removesuffix("\r")
    except Unfit as problem:
        raise FabricError(Code.PASSPHRASE_REQUIRED, f"the passphrase file {path} {problem}") from None
    except UnicodeDecodeError:
        raise FabricError(Code.PASSPHRASE_REQUIRED, f"the passphrase file {path} is not text in UTF-8") from None
    except OSError as error:
        raise FabricError(Code.PASSPHRASE_REQUIRED, f"the passphrase file {path}: {error.strerror}") from None


def _encoded(text: str, source: str) -> bytes:
    try:
        data = unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise FabricError(Code.PASSPHRASE_REQUIRED, f"{source} is not text") from None
    if not data:
        raise FabricError(Code.PASSPHRASE_REQUIRED, f"{source} is empty")
    if len(data) > MAX_BYTES:
        raise FabricError(Code.PASSPHRASE_REQUIRED, f"{source} is longer than {MAX_BYTES} bytes")
    return data
