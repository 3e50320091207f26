"""The file of one private key: JSON, the secret in a box under a passphrase, the rest readable by anyone. No I/O.

    {"format": "infrafabric-key-v1", "name": "operator", "algorithm": "ed25519", "public": "…",
     "protection": {"kind": "argon2id-secretbox", "salt": "…", "ops": 3, "memory": 67108864},
     "secret": "…", "check": "…"}

`secret` is base64 of the secretbox (nonce, then XSalsa20-Poly1305) under the passphrase's Argon2id hash (RFC 9106).
Inside lie the SHA-256 of the header (all members but `secret` and `check`) and the secret itself, so a header that was
edited or exchanged is noticed when the key is opened. `check` is the SHA-256 of all else: it tells damage from a wrong
passphrase, and protects against nobody. With protection `none` the `secret` is the bare secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import nacl.exceptions
import nacl.pwhash.argon2id
import nacl.secret
import pyrage

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey

__all__ = ["Algorithm", "Kdf", "KeyFile", "Protection", "public_of"]

FORMAT = "infrafabric-key-v1"
MAX_BYTES = 16 << 10
SALT_BYTES = nacl.pwhash.argon2id.SALTBYTES
NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}")


class Algorithm(StrEnum):
    ED25519 = "ed25519"
    """A signing key. The secret is its 32-byte seed, `public` the base64 of its public half."""
    AGE = "age-x25519"
    """An age identity. The secret is its text `AGE-SECRET-KEY-1…`, `public` its recipient `age1…`."""


class Protection(StrEnum):
    PASSPHRASE = "argon2id-secretbox"
    NONE = "none"
    """For development homes: whoever reads the file has the key."""


@dataclass(frozen=True, slots=True)
class Kdf:
    """Cost of the Argon2id hash: passes, and memory in bytes. The default is RFC 9106's choice for 64 MiB."""

    ops: int = 3
    memory: int = 64 << 20

    MAX_OPS = 16
    MIN_MEMORY = 8 << 20
    MAX_MEMORY = 1 << 30

    def __post_init__(self) -> None:
        if not (1 <= self.ops <= self.MAX_OPS and self.MIN_MEMORY <= self.memory <= self.MAX_MEMORY):
            raise ValueError(f"argon2id with {self.ops} passes over {self.memory} bytes is out of bounds")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A parsed or freshly sealed key file."""

    name: str
    algorithm: Algorithm
    public: str
    kdf: Kdf | None
    """None: unprotected."""
    salt: bytes
    sealed: bytes = field(repr=False)

    @property
    def protection(self) -> Protection:
        return Protection.NONE if self.kdf is None else Protection.PASSPHRASE

    @classmethod
    def seal(cls, name: str, algorithm: Algorithm, secret: bytes, passphrase: bytes, kdf: Kdf) -> KeyFile:
        """A file that only `passphrase` opens."""
        public, salt = public_of(algorithm, secret), os.urandom(SALT_BYTES)
        header = cls(name, algorithm, public, kdf, salt, b"")._header_digest()
        box = nacl.secret.SecretBox(_derive(passphrase, salt, kdf))
        return cls(name, algorithm, public, kdf, salt, bytes(box.encrypt(header + secret)))

    @classmethod
    def bare(cls, name: str, algorithm: Algorithm, secret: bytes) -> KeyFile:
        """A file that anyone opens."""
        return cls(name, algorithm, public_of(algorithm, secret), None, b"", secret)

    @classmethod
    def parse(cls, data: bytes, where: str) -> KeyFile:
        """Read a file's bytes; `where` names it in messages. Raises IF_ERR_KEY_CORRUPT."""
        try:
            return cls._parse(data)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FabricError(Code.KEY_CORRUPT, f"{where}: {_reason(error)}") from None

    def open(self, passphrase: bytes) -> bytes:
        """The secret; for an unprotected file `passphrase` is not looked at.

        Raises IF_ERR_PASSPHRASE_WRONG; IF_ERR_KEY_CORRUPT where the header is not the one that was sealed with it.
        """
        secret = self.sealed
        if self.kdf is not None:
            box = nacl.secret.SecretBox(_derive(passphrase, self.salt, self.kdf))
            try:
                inside = box.decrypt(self.sealed)
            except nacl.exceptions.CryptoError:
                raise FabricError(Code.PASSPHRASE_WRONG, f"the passphrase does not open the key {self.name}") from None
            if inside[:32] != self._header_digest():
                raise FabricError(Code.KEY_CORRUPT, f"the key {self.name} was sealed with another header")
            secret = inside[32:]
        try:
            public = public_of(self.algorithm, secret)
        except FabricError:
            raise FabricError(Code.KEY_CORRUPT, f"the key {self.name} holds no {self.algorithm} secret") from None
        if public != self.public:
            raise FabricError(Code.KEY_CORRUPT, f"the key {self.name} is not the private half of {self.public}")
        return secret

    @property
    def encoded(self) -> bytes:
        """The file's bytes."""
        members = {**self._header(), "secret": base64.b64encode(self.sealed).decode("ascii")}
        members["check"] = _check(members)
        return (json.dumps(members, indent=1) + "\n").encode("ascii")

    def _header(self) -> dict[str, Any]:
        protection: dict[str, Any] = {"kind": self.protection.value}
        if self.kdf is not None:
            salt = base64.b64encode(self.salt).decode("ascii")
            protection |= {"salt": salt, "ops": self.kdf.ops, "memory": self.kdf.memory}
        return {
            "format": FORMAT,
            "name": self.name,
            "algorithm": self.algorithm.value,
            "public": self.public,
            "protection": protection,
        }

    def _header_digest(self) -> bytes:
        return hashlib.sha256(_ordered(self._header())).digest()

    @classmethod
    def _parse(cls, data: bytes) -> KeyFile:
        members = json.loads(data)
        if members["format"] != FORMAT:
            raise ValueError("the format is unknown")
        if members.pop("check") != _check(members):
            raise ValueError("the file is damaged: its check does not match")
        protection = members["protection"]
        kdf, salt = None, b""
        if Protection(protection["kind"]) is Protection.PASSPHRASE:
            kdf = Kdf(_integer(protection["ops"]), _integer(protection["memory"]))
            salt = base64.b64decode(protection["salt"], validate=True)
            if len(salt) != SALT_BYTES:
                raise ValueError("the salt has the wrong length")
        sealed = base64.b64decode(members.pop("secret"), validate=True)
        file = cls(members["name"], Algorithm(members["algorithm"]), members["public"], kdf, salt, sealed)
        if file._header() != members or NAME.fullmatch(file.name) is None:
            raise ValueError("the members are not those of a key file")
        return file


def public_of(algorithm: Algorithm, secret: bytes) -> str:
    """The public half that belongs to a secret. Raises IF_ERR_KEY_INVALID."""
    if algorithm is Algorithm.ED25519:
        return str(SigningKey(secret).public)
    try:
        return str(pyrage.x25519.Identity.from_str(secret.decode("ascii")).to_public())
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise FabricError(Code.KEY_INVALID, "the secret is no age identity") from None


def _derive(passphrase: bytes, salt: bytes, kdf: Kdf) -> bytes:
    try:
        return nacl.pwhash.argon2id.kdf(
            nacl.secret.SecretBox.KEY_SIZE, passphrase, salt, opslimit=kdf.ops, memlimit=kdf.memory
        )
    except (nacl.exceptions.RuntimeError, MemoryError):
        raise FabricError(Code.INTERNAL, f"no {kdf.memory >> 20} MiB of memory to open a key with") from None


def _check(members: dict[str, Any]) -> str:
    return hashlib.sha256(_ordered(members)).hexdigest()


def _ordered(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a cost is not an integer")
    return value


def _reason(error: Exception) -> str:
    """Words for a parser's complaint that quote nothing of the file, which may be a bare secret."""
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "the file is not JSON"
    if isinstance(error, binascii.Error):
        return "a member is not base64"
    if isinstance(error, KeyError | TypeError | AttributeError):
        return "the members are not those of a key file"
    return str(error)
