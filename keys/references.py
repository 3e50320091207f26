"""Secrets by reference. Implements the kernel's port `Secrets`.

`vault:NAME`, `env:NAME` and `file:PATH` are at hand; what else keeps secrets is a backend that a plugin offers under a
scheme of its own (see `keys.backends`), asked in a thread, since it may be as slow as a network.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import WRITERS, TooLong, Unfit, read_file
from infrafabric.keys.passphrase import VARIABLE
from infrafabric.keys.vault import NAME
from infrafabric.keys.vault_content import Kept

__all__ = ["Backend", "References", "User"]

MAX_BYTES = 32 << 10
SLOW_S = 15.0
"""Seconds that a backend is given in all."""
FORMER = "@former"
AT_HAND = frozenset({"vault", "env", "file"})
_SCHEME = re.compile(r"keyring|hashicorp|x-[a-z0-9-]{1,30}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Backend(Protocol):
    """What keeps secrets elsewhere; the kernel's port `SecretBackend`."""

    def get(self, name: str) -> str: ...


class User(Protocol):
    """The target that a secret is opened for."""

    @property
    def name(self) -> str: ...

    @property
    def tenant(self) -> str: ...


class _Vault(Protocol):
    def kept(self, name: str) -> Kept: ...


class _Learner(Protocol):
    def learn(self, value: str, tenant: str | None = None) -> None: ...


class References:
    """Resolves references. Whatever it hands out, the redactor masks from then on.

    No message quotes a reference that is not of a known form: it may be the secret itself.
    """

    def __init__(
        self,
        vault: _Vault,
        redactor: _Learner,
        environ: Mapping[str, str] = os.environ,
        backends: Callable[[], Mapping[str, Backend]] = dict,
    ) -> None:
        """`backends` gives the others by scheme; it is asked when a reference first names one."""
        self._vault = vault
        self._redactor = redactor
        self._environ = environ
        self._backends = backends

    async def open(self, references: Mapping[str, str], target: User) -> Mapping[str, str]:
        """The values behind all `references` of a target, by the same names. Raises as `resolve` does."""
        opened: dict[str, str] = {}
        for name, reference in references.items():
            if reference.partition(":")[0] in AT_HAND:
                opened[name] = self.resolve(reference, target)
                continue
            try:
                async with asyncio.timeout(SLOW_S):
                    opened[name] = await asyncio.to_thread(self.resolve, reference, target)
            except TimeoutError:
                raise FabricError(Code.SECRET_BACKEND, f"{reference} was not answered within {SLOW_S:g} s") from None
        return opened

    def resolve(self, reference: str, target: User | None = None) -> str:
        """The value behind a reference. Vault and file are read again each time, so a new value counts at once.

        `vault:NAME` may be limited to some targets (`ifctl secret allow`); without a `target`, such a one is refused.
        `vault:NAME@former` is the newest former value while its overlap runs; with either the redactor learns them all.
        `env:` names an environment variable; `file:` an absolute path to a regular UTF-8 file of at most 32 KiB, which
        only root or the kernel's user may change; one line feed (or CR LF) at its end is dropped.

        Raises IF_ERR_SECRET_REFERENCE (of no known form), IF_ERR_SECRET_UNKNOWN (nothing there),
        IF_ERR_SECRET_NOT_ALLOWED, IF_ERR_SECRET_NO_FORMER, IF_ERR_SECRET_FILE (others could change it),
        IF_ERR_SECRET_NOT_TEXT, IF_ERR_SECRET_TOO_SHORT (under 8 characters, whatever it comes from), IF_ERR_TOO_LARGE,
        and what the vault and the backends raise: IF_ERR_SECRET_BACKEND, IF_ERR_SECRET_BACKEND_AUTH,
        IF_ERR_EXTRA_MISSING.
        """
        scheme, _, name = reference.partition(":")
        match scheme:
            case "vault":
                value = self._kept(name, target)
            case "env":
                value = self._variable(name)
            case "file":
                value = _file(name)
            case _:
                value = self._elsewhere(scheme, name)
        try:
            self._redactor.learn(value, None if target is None else target.tenant)
        except FabricError as error:
            raise FabricError(error.code, f"{reference}: {error.message}") from None
        return value

    def _kept(self, given: str, target: User | None) -> str:
        name = given.removesuffix(FORMER)
        if NAME.fullmatch(name) is None:
            raise FabricError(Code.SECRET_REFERENCE, "what follows vault: is no secret's name")
        kept = self._vault.kept(name)
        user, tenant = ("", "") if target is None else (target.name, target.tenant)
        if not kept.use.covers(user, tenant):
            raise FabricError(Code.SECRET_NOT_ALLOWED, f"{user or 'the kernel itself'} may not use the secret {name}")
        for value in (kept.value, *(one.value for one in kept.former)):
            self._redactor.learn(value, kept.use.tenant or tenant or None)
        if name == given:
            return kept.value
        if not kept.former:
            raise FabricError(Code.SECRET_NO_FORMER, f"the secret {name} has no former value in overlap")
        return kept.former[0].value

    def _elsewhere(self, scheme: str, name: str) -> str:
        if _SCHEME.fullmatch(scheme) is None:
            raise FabricError(Code.SECRET_REFERENCE, "a secret is given by something else than a reference")
        backend = self._backends().get(scheme)
        if backend is None:
            raise FabricError(Code.SECRET_REFERENCE, f"no loaded extension keeps {scheme}: secrets")
        try:
            value = backend.get(name)
        except FabricError:
            raise
        except Exception as error:  # its text may hold what was being fetched
            raise FabricError(
                Code.SECRET_BACKEND, f"what keeps {scheme}: secrets failed: {type(error).__name__}"
            ) from None
        if not isinstance(value, str):
            raise FabricError(Code.SECRET_NOT_TEXT, f"what keeps {scheme}: secrets gave no text")
        if len(value.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise FabricError(Code.TOO_LARGE, f"the secret of {scheme}: is larger than {MAX_BYTES} bytes")
        return value

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
