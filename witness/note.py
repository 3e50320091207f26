"""Signed notes and verifier keys (`c2sp.org/signed-note`, `c2sp.org/tlog-cosignature`). Pure, Ed25519 only.

A note's text counts for nothing until a key that the caller trusts has verified it. Signatures by unknown keys are
ignored, one by a known key that fails condemns the note.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from infrafabric.kernel.errors import Code, FabricError

__all__ = [
    "Opened",
    "Signer",
    "Verifier",
    "b64decode",
    "b64encode",
    "check_name",
    "open_note",
    "sign_note",
    "split_note",
]

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 100
"""The format asks for 16 at least; golang.org/x/mod takes 100."""

_DASH = "\u2014"
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


class Signer(Protocol):
    """A private Ed25519 key, wherever it is kept."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes (RFC 8032)."""
        ...


def b64encode(data: bytes) -> str:
    """RFC 4648 section 4, with padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def b64decode(text: str) -> bytes:
    """The inverse of `b64encode`; refuses every other spelling of the same bytes. Raises ValueError."""
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if b64encode(data) != text:
        raise ValueError("base64 that is not in its one canonical form")
    return data


def check_name(name: str) -> str:
    """`name` if it may name a key or a log: no space, no `+`, no control character. Raises IF_ERR_NAME_INVALID."""
    if not name or len(name) > 255 or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise FabricError(Code.NAME_INVALID, f"{name[:80]!r} cannot name a log; use one like example.com/log")
    return name


@lru_cache(maxsize=64)  # a log signs each commit under one name and key
def key_id(name: str, type_byte: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes((type_byte,)) + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name, as a vkey line gives it: `<name>+<8 hex digits>+<base64 of type byte and key>`."""

    name: str
    public: bytes
    type_byte: int = ED25519

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Raises IF_ERR_VKEY_INVALID for what is malformed, of another type, of low order, or has the wrong key ID."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3:
            raise FabricError(Code.VKEY_INVALID, f"{vkey[:80]!r} is not of the form NAME+ID+KEY")
        name, identifier, encoded = parts
        try:
            check_name(name)
            data = b64decode(encoded)
        except (FabricError, ValueError) as error:
            raise FabricError(Code.VKEY_INVALID, f"{vkey[:80]!r}: {error}") from None
        if not data or data[0] not in (ED25519, COSIGNATURE_V1) or len(data) != 1 + KEY_BYTES:
            raise FabricError(Code.VKEY_INVALID, f"the verifier key of {name} is not Ed25519")
        if not crypto_core_ed25519_is_valid_point(data[1:]):
            raise FabricError(Code.VKEY_INVALID, f"the verifier key of {name} is weak: anyone could sign for it")
        verifier = cls(name, data[1:], data[0])
        if verifier.id.hex() != identifier:
            raise FabricError(Code.VKEY_INVALID, f"the verifier key of {name} has another key's ID {identifier[:8]!r}")
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes((self.type_byte,)) + self.public)}"

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.type_byte, self.public)

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether `signature` (without the key ID) is this key's over the note text."""
        message = text.encode()
        if self.type_byte == COSIGNATURE_V1:
            if len(signature) != 8 + SIGNATURE_BYTES:
                return False
            seconds = int.from_bytes(signature[:8], "big")
            if seconds > 2**63 - 1:
                return False
            message = b"cosignature/v1\ntime %d\n" % seconds + message
            signature = signature[8:]
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + message, self.public)
        except (BadSignatureError, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Opened:
    """A note whose text was verified."""

    text: str
    verified: tuple[Verifier, ...]
    """The keys whose signatures it bears, in the order of the lines, each once."""


def sign_note(text: str, name: str, *signers: Signer) -> str:
    """The note: `text` (ending in a line feed), an empty line, a signature line of each signer under `name`."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise FabricError(Code.NOTE_INVALID, "a note's text ends in a line feed and holds no other control character")
    message = text.encode()
    lines = [b64encode(key_id(name, ED25519, signer.public) + signer.sign(message)) for signer in signers]
    return f"{text}\n" + "".join([f"{_DASH} {name} {line}\n" for line in lines])


def split_note(note: str) -> tuple[str, Sequence[tuple[str, bytes]]]:
    """The unverified text, and the (key name, key ID and signature) of each line. Raises IF_ERR_NOTE_INVALID."""
    if len(note) > MAX_NOTE_BYTES:
        raise FabricError(Code.NOTE_INVALID, f"a note of {len(note)} characters is too large")
    if _CONTROL.search(note):
        raise FabricError(Code.NOTE_INVALID, "the note holds a control character")
    head, gap, tail = note.rpartition("\n\n")
    if not gap or not head or not tail.endswith("\n"):
        raise FabricError(Code.NOTE_INVALID, "the note has no text, no empty line or no signature line")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise FabricError(Code.NOTE_INVALID, f"the note bears {len(lines)} signatures; {MAX_SIGNATURES} are taken")
    return head + "\n", [_signature_line(line) for line in lines]


def _signature_line(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH:
        raise FabricError(Code.NOTE_INVALID, f"{line[:80]!r} is no signature line")
    try:
        data = b64decode(parts[2])
        check_name(parts[1])
    except (FabricError, ValueError):
        raise FabricError(Code.NOTE_INVALID, f"{line[:80]!r} is no signature line") from None
    if len(data) < 5:
        raise FabricError(Code.NOTE_INVALID, f"the signature of {parts[1]} is too short")
    return parts[1], data


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> Opened:
    """Verify a note by the keys that the caller trusts.

    Raises IF_ERR_NOTE_INVALID when it is malformed, when no known key signed it, or when a known key's signature fails.
    """
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError:
            raise FabricError(Code.NOTE_INVALID, "the note is not UTF-8") from None
    try:
        note.encode()
    except UnicodeEncodeError:
        raise FabricError(Code.NOTE_INVALID, "the note is not UTF-8") from None
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    text, signatures = split_note(note)
    verified: list[Verifier] = []
    for name, data in signatures:
        verifier = known.get((name, data[:4]))
        if verifier is None:
            continue
        if not verifier.verifies(text, data[4:]):
            raise FabricError(Code.NOTE_INVALID, f"the signature of {name} does not match the note")
        if verifier not in verified:
            verified.append(verifier)
    if not verified:
        raise FabricError(Code.NOTE_INVALID, "the note is not signed by a key that was given")
    return Opened(text, tuple(verified))
