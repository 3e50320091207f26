"""The vault: the home's secrets in one age-format file (https://age-encryption.org/v1).

    infrafabric-vault-v1 <HMAC-SHA-256 of what follows, in hex>
    {"kernel": {"pseudonym": "…"}, "secrets": {"NAME": "…"}}            see `vault_content`

`age --decrypt -i IDENTITY` shows this too. Whoever knows the recipient could encrypt a vault of their own to it, so the
MAC is keyed from the identity, which only the home has. An older copy of the same vault cannot be told from the
newest one: restoring it brings back the secrets as they were.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pyrage

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import Unfit, locked, private_folder, read_file, replace_file
from infrafabric.keys.redaction import check_secret
from infrafabric.keys.vault_content import Content, Kept, Use

__all__ = ["MAX_SECRET_BYTES", "Vault"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_SECRET_BYTES = 32 << 10
MAX_SECRETS = 1000
MAX_VAULT_BYTES = 4 << 20
MAX_FILE_BYTES = 2 * MAX_VAULT_BYTES
PSEUDONYM = "pseudonym"
PSEUDONYM_BYTES = 32
_HEAD = "infrafabric-vault-v1 "


class Vault:
    """One vault file. Reads see what was last written, by whichever process; writers take turns by a lock file.

    `identity` gives the age identity's text and is asked once, when the vault is first needed. A former value is handed
    out until its overlap ends by `clock` (seconds since 1970); every write after that leaves it out of the file.
    """

    def __init__(self, path: Path, identity: Callable[[], str], clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._identity = identity
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: pyrage.x25519.Identity | None = None
        self._seen: tuple[tuple[int, int, int], Content] | None = None

    def create(self) -> None:
        """Make the file, with a fresh pseudonym key in it. Raises IF_ERR_EXISTS."""
        private_folder(self._path.parent)
        with self._lock, self._writing():
            if self._path.exists():
                raise FabricError(Code.EXISTS, f"there is a vault at {self._path} already")
            self._write(Content({PSEUDONYM: os.urandom(PSEUDONYM_BYTES)}, {}))

    @property
    def pseudonym_key(self) -> bytes:
        """The 32 bytes that key the actors' pseudonyms in the log. No name lists it, no reference reaches it."""
        return self._read().kernel[PSEUDONYM]

    def names(self) -> list[str]:
        """The names of the secrets, sorted. Raises IF_ERR_VAULT_MISSING, IF_ERR_VAULT_CORRUPT, as all reads do."""
        return sorted(self._read().secrets)

    def get(self, name: str) -> str:
        """A secret's value, exactly as it was set. Raises IF_ERR_SECRET_UNKNOWN."""
        return self.kept(name).value

    def kept(self, name: str) -> Kept:
        """A secret with the former values in overlap and who may use it. Raises IF_ERR_SECRET_UNKNOWN."""
        return _named(self._read(), name).at(self._clock())

    def all_kept(self) -> Mapping[str, Kept]:
        """All secrets, in order of name."""
        content = self._read().at(self._clock())
        return {name: content.secrets[name] for name in sorted(content.secrets)}

    def set(self, name: str, value: str, use: Use | None = None) -> None:
        """Keep a secret, in place of an earlier one of that name and of its former values.

        `use` says who may use it; None leaves that as it was, which is every target for a new one. A name is a letter
        and up to 63 letters, digits, `_`, `.`, `-`; a value any text of at least 8 characters and at most 32 KiB.

        Raises IF_ERR_NAME_INVALID, IF_ERR_SECRET_TOO_SHORT, IF_ERR_SECRET_NOT_TEXT, IF_ERR_TOO_LARGE,
        IF_ERR_KEYS_LOCKED.
        """
        if NAME.fullmatch(name) is None:
            raise FabricError(Code.NAME_INVALID, f"{name[:80]!r} is no secret's name; one looks like HA_TOKEN")
        _check_value(name, value)
        with self._lock, self._writing():
            content = self._current()
            before = content.secrets.get(name)
            if before is None and len(content.secrets) >= MAX_SECRETS:
                raise FabricError(Code.TOO_LARGE, f"the vault holds {MAX_SECRETS} secrets already")
            if use is None:
                use = before.use if before is not None else Use()
            self._write(content.having(name, Kept(value, (), use)))

    def rotate(self, name: str, value: str, until: int) -> None:
        """Put `value` in the place of the present one, which stays as a former one until then, in seconds since 1970.

        Raises as `set` does, IF_ERR_SECRET_UNKNOWN, IF_ERR_SECRET_UNCHANGED.
        """
        _check_value(name, value)
        with self._lock, self._writing():
            content = self._current()
            self._write(content.having(name, _named(content, name).at(self._clock()).rotated(value, until)))

    def take_back(self, name: str) -> None:
        """Put the newest former value and the present one in each other's place.

        Raises IF_ERR_SECRET_UNKNOWN, IF_ERR_SECRET_NO_FORMER.
        """
        with self._lock, self._writing():
            content = self._current()
            self._write(content.having(name, _named(content, name).at(self._clock()).returned()))

    def allow(self, name: str, use: Use) -> None:
        """Say who may use a secret from now on. Raises IF_ERR_SECRET_UNKNOWN."""
        with self._lock, self._writing():
            content = self._current()
            self._write(content.having(name, replace(_named(content, name), use=use)))

    def remove(self, name: str) -> None:
        """Forget a secret with its former values. Raises IF_ERR_SECRET_UNKNOWN."""
        with self._lock, self._writing():
            content = self._current()
            _named(content, name)
            self._write(content.without(name))

    def overdue(self) -> list[str]:
        """Names of the secrets whose file still holds a former value that its overlap has ended for."""
        content, now = self._read(), self._clock()
        return sorted(name for name, kept in content.secrets.items() if kept.at(now) != kept)

    def drop_overdue(self) -> None:
        """Destroy the former values whose overlap is over."""
        with self._lock, self._writing():
            self._write(self._current())

    # --- inside; the callers of what follows hold self._lock

    def _read(self) -> Content:
        with self._lock:
            return self._current()

    def _current(self) -> Content:
        try:
            status = self._path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._seen is not None and self._seen[0] == stamp:
                return self._seen[1]
            # A file that is replaced between the two calls is read again next time: the stamp is the older one's.
            data = read_file(self._path, MAX_FILE_BYTES, 0)
        except FileNotFoundError:
            raise FabricError(Code.VAULT_MISSING, f"there is no vault at {self._path}") from None
        except Unfit as problem:
            raise FabricError(Code.VAULT_CORRUPT, f"{self._path} {problem}") from None
        except OSError as error:
            raise FabricError(Code.VAULT_CORRUPT, f"{self._path}: {error.strerror}") from None
        content = self._decrypt(data)
        self._seen = (stamp, content)
        return content

    def _decrypt(self, data: bytes) -> Content:
        identity = self._own()
        try:
            plain = pyrage.decrypt(data, [identity])
        except pyrage.DecryptError:
            raise FabricError(
                Code.VAULT_CORRUPT, f"{self._path} is damaged, or not encrypted to this home's key"
            ) from None
        head, _, body = plain.partition(b"\n")
        if not hmac.compare_digest(head, self._head(body)):
            raise FabricError(Code.VAULT_CORRUPT, f"{self._path} was not written by this home")
        return Content.from_bytes(body)

    def _write(self, content: Content) -> None:
        body = content.at(self._clock()).to_bytes()
        if len(body) > MAX_VAULT_BYTES:
            raise FabricError(Code.TOO_LARGE, f"the vault would be larger than {MAX_VAULT_BYTES} bytes")
        plain = self._head(body) + b"\n" + body
        replace_file(self._path, pyrage.encrypt(plain, [self._own().to_public()]))
        self._seen = None

    def _head(self, body: bytes) -> bytes:
        key = hashlib.sha256(_HEAD.encode("ascii") + str(self._own()).encode("ascii")).digest()
        return (_HEAD + hmac.new(key, body, "sha256").hexdigest()).encode("ascii")

    def _own(self) -> pyrage.x25519.Identity:
        if self._opened is None:
            try:
                self._opened = pyrage.x25519.Identity.from_str(self._identity())
            except pyrage.IdentityError:
                raise FabricError(Code.KEY_CORRUPT, "the vault's key is no age identity") from None
        return self._opened

    def _writing(self) -> AbstractContextManager[None]:
        return locked(self._path.with_name(f".{self._path.name}.lock"))


def _named(content: Content, name: str) -> Kept:
    try:
        return content.secrets[name]
    except KeyError:
        raise FabricError(Code.SECRET_UNKNOWN, f"the vault holds no secret {name[:80]!r}") from None


def _check_value(name: str, value: str) -> None:
    check_secret(value)
    if len(value.encode("utf-8")) > MAX_SECRET_BYTES:
        raise FabricError(Code.TOO_LARGE, f"the secret {name} is larger than {MAX_SECRET_BYTES} bytes")
