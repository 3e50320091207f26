"""The vault: the home's secrets in one age-format file (https://age-encryption.org/v1).

    infrafabric-vault-v1 <HMAC-SHA-256 of what follows, in hex>
    {"kernel": {"pseudonym": "…"}, "secrets": {"NAME": "…"}}

`age --decrypt -i IDENTITY` shows this too. Whoever knows the recipient could encrypt a vault of their own to it, so the
MAC is keyed from the identity, which only the home has. An older copy of the same vault cannot be told from the
newest one: restoring it brings back the secrets as they were.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import Unfit, locked, private_folder, read_file, replace_file
from infrafabric.keys.redaction import check_secret

__all__ = ["MAX_SECRET_BYTES", "Vault"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_SECRET_BYTES = 32 << 10
MAX_SECRETS = 1000
MAX_VAULT_BYTES = 4 << 20
MAX_FILE_BYTES = 2 * MAX_VAULT_BYTES
PSEUDONYM = "pseudonym"
PSEUDONYM_BYTES = 32
_HEAD = "infrafabric-vault-v1 "


@dataclass(frozen=True, slots=True)
class _Content:
    """The vault decrypted: the kernel's own keys, which no reference reaches, and the operator's secrets."""

    kernel: dict[str, bytes] = field(repr=False)
    secrets: dict[str, str] = field(repr=False)


class Vault:
    """One vault file. Reads see what was last written, by whichever process; writers take turns by a lock file.

    `identity` gives the age identity's text and is asked once, when the vault is first needed.
    """

    def __init__(self, path: Path, identity: Callable[[], str]) -> None:
        self._path = path
        self._identity = identity
        self._lock = threading.Lock()
        self._opened: pyrage.x25519.Identity | None = None
        self._seen: tuple[tuple[int, int, int], _Content] | None = None

    def create(self) -> None:
        """Make the file, with a fresh pseudonym key in it. Raises IF_ERR_EXISTS."""
        private_folder(self._path.parent)
        with self._lock, self._writing():
            if self._path.exists():
                raise FabricError(Code.EXISTS, f"there is a vault at {self._path} already")
            self._write(_Content({PSEUDONYM: os.urandom(PSEUDONYM_BYTES)}, {}))

    @property
    def pseudonym_key(self) -> bytes:
        """The 32 bytes that key the actors' pseudonyms in the log. No name lists it, no reference reaches it."""
        return self._read().kernel[PSEUDONYM]

    def names(self) -> list[str]:
        """The names of the secrets, sorted. Raises IF_ERR_VAULT_MISSING, IF_ERR_VAULT_CORRUPT, as all reads do."""
        return sorted(self._read().secrets)

    def get(self, name: str) -> str:
        """A secret's value, exactly as it was set. Raises IF_ERR_SECRET_UNKNOWN."""
        try:
            return self._read().secrets[name]
        except KeyError:
            raise FabricError(Code.SECRET_UNKNOWN, f"the vault holds no secret {name[:80]!r}") from None

    def set(self, name: str, value: str) -> None:
        """Keep a secret, in place of an earlier one of that name.

        A name is a letter and up to 63 letters, digits, `_`, `.`, `-`; a value any text of at least 8 characters and
        at most 32 KiB. Raises IF_ERR_NAME_INVALID, IF_ERR_SECRET_TOO_SHORT, IF_ERR_SECRET_NOT_TEXT, IF_ERR_TOO_LARGE,
        IF_ERR_KEYS_LOCKED.
        """
        if NAME.fullmatch(name) is None:
            raise FabricError(Code.NAME_INVALID, f"{name[:80]!r} is no secret's name; one looks like HA_TOKEN")
        check_secret(value)
        if len(value.encode("utf-8")) > MAX_SECRET_BYTES:
            raise FabricError(Code.TOO_LARGE, f"the secret {name} is larger than {MAX_SECRET_BYTES} bytes")
        with self._lock, self._writing():
            content = self._current()
            secrets = {**content.secrets, name: value}
            if len(secrets) > MAX_SECRETS:
                raise FabricError(Code.TOO_LARGE, f"the vault holds {MAX_SECRETS} secrets already")
            self._write(_Content(content.kernel, secrets))

    def remove(self, name: str) -> None:
        """Forget a secret. Raises IF_ERR_SECRET_UNKNOWN."""
        with self._lock, self._writing():
            content = self._current()
            if name not in content.secrets:
                raise FabricError(Code.SECRET_UNKNOWN, f"the vault holds no secret {name[:80]!r}")
            secrets = {known: value for known, value in content.secrets.items() if known != name}
            self._write(_Content(content.kernel, secrets))

    # --- inside; the callers of what follows hold self._lock

    def _read(self) -> _Content:
        with self._lock:
            return self._current()

    def _current(self) -> _Content:
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

    def _decrypt(self, data: bytes) -> _Content:
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
        members = json.loads(body)
        kernel = {name: base64.b64decode(value) for name, value in members["kernel"].items()}
        return _Content(kernel, members["secrets"])

    def _write(self, content: _Content) -> None:
        kernel = {name: base64.b64encode(value).decode("ascii") for name, value in content.kernel.items()}
        body = json.dumps({"kernel": kernel, "secrets": content.secrets}).encode("ascii")
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
