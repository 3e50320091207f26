"""Secrets by reference: `vault:NAME`, `env:NAME`, `file:PATH`. Implements the kernel's port `Secrets`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import WRITERS, TooLong, Unfit, read_file
from infrafabric.keys.passphrase import VARIABLE
from infrafabric.keys.vault import NAME

__all__ = ["References"]

MAX_BYTES = 32 << 10
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class _Vault(Protocol):
    def get(self, name: str) -> str: ...


class _Learner(Protocol):
    def learn(self, value: str) -> None: ...


class References:
    """Resolves references. Whatever it hands out, the redactor masks from then on.

    No message quotes a reference that is not of a known form: it may be the secret itself.
    """

    def __init__(self, vault: _Vault, redactor: _Learner, environ: Mapping[str, str] = os.environ) -> None:
        self._vault = vault
        self._redactor = redactor
        self._environ = environ

    def resolve(self, reference: str) -> str:
        """The value behind a reference. Vault and file are read again each time, so a new value counts at once.

        `env:` names an environment variable; `file:` an absolute path to a regular UTF-8 file of at most 32 KiB, which
        only root or the kernel's user may change; one line feed (or CR LF) at its end is dropped.

        Raises IF_ERR_SECRET_REFERENCE (not one of the three forms), IF_ERR_SECRET_UNKNOWN (nothing there),
        IF_ERR_SECRET_FILE (others could change it), IF_ERR_SECRET_NOT_TEXT, IF_ERR_SECRET_TOO_SHORT (under 8
        characters, whatever it comes from), IF_ERR_TOO_LARGE, and what the vault raises.
        """
        scheme, _, name = reference.partition(":")
        match scheme:
            case "vault":
                value = self._kept(name)
            case "env":
                value = self._variable(name)
            case "file":
                value = _file(name)
            case _:
                raise FabricError(Code.SECRET_REFERENCE, "a secret is given by something else than a reference")
        try:
            self._redactor.learn(value)
        except FabricError as error:
            raise FabricError(error.code, f"{reference}: {error.message}") from None
        return value

    def _kept(self, name: str) -> str:
        if NAME.fullmatch(name) is None:
            raise FabricError(Code.SECRET_REFERENCE, "what follows vault: is no secret's name")
        return self._vault.get(name)

    def _variable(self, name: str) -> str:
        if _ENV_NAME.fullmatch(name) is None:
            raise FabricError(Code.SECRET_REFERENCE, "what follows env: is no name of a variable")
        if name == VARIABLE:
            raise FabricError(Code.SECRET_REFERENCE, f"env:{VARIABLE} is the home's own passphrase")
        try:
            return self._environ[name]
        except KeyError:
            raise FabricError(Code.SECRET_UNKNOWN, f"the environment has no variable {name}") from None


def _file(name: str) -> str:
    path = Path(name)
    if not path.is_absolute() or "\0" in name:
        raise FabricError(Code.SECRET_REFERENCE, "what follows file: is no absolute path")
    try:
        data = read_file(path, MAX_BYTES, WRITERS)
    except TooLong as problem:
        raise FabricError(Code.TOO_LARGE, f"{path} {problem}") from None
    except Unfit as problem:
        raise FabricError(Code.SECRET_FILE, f"{path} {problem}") from None
    except OSError as error:
        raise FabricError(Code.SECRET_UNKNOWN, f"{path}: {error.strerror}") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FabricError(Code.SECRET_NOT_TEXT, f"{path} is not text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
