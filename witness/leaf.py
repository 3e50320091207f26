"""Leaves, body commitments and pseudonyms, byte by byte. Pure.

A leaf names nobody: the actor is a keyed pseudonym, the body a salted commitment. Erasing body and salt leaves the
leaf, and every proof of it, as it was.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Leaf", "commitment", "format_at", "leaf_bytes", "parse_at", "pseudonym", "tokens"]

VERSION = 1
SALT_BYTES = 32
NONCE_BYTES = 16
MAX_LEAF_BYTES = 1024
"""The members are of bounded length; an entry bundle would take 65,535."""

ACTION = re.compile(r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_TOKEN_22, _TOKEN_43, _WORD = r"([A-Za-z0-9_-]{22})", r"([A-Za-z0-9_-]{43})", r"[a-z][a-z0-9_]{0,31}"
_LEAF = re.compile(
    rf'{{"action":"({ACTION.pattern})","actor":"{_TOKEN_22}","at":"({_AT.pattern})","body":"{_TOKEN_43}",'
    rf'"kind":"({_WORD}\.{_WORD})","nonce":"{_TOKEN_22}","seq":([1-9][0-9]{{0,15}}),"v":{VERSION}}}',
    re.ASCII,
)
"""All of a leaf: its members are of forms that JSON writes in one way."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BODY = sha256(b"infrafabric-body-v1\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_at(milliseconds: int) -> str:
    """Unix milliseconds as RFC 3339 UTC: `2026-11-21T09:00:00.123Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_format_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=8)  # many commits fall into one second
def _format_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_at(text: str) -> int:
    """The inverse of `format_at`. Raises ValueError."""
    if _AT.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is no time with milliseconds in UTC")
    delta = datetime.fromisoformat(text) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def pseudonym(key: bytes, talent: str) -> str:
    """22 characters that stand for a talent to whoever lacks the key."""
    return urlsafe_b64encode(hmac.digest(key, talent.encode(), "sha256"))[:22].decode("ascii")


def commitment(salt: bytes, body: bytes) -> bytes:
    hash_ = _BODY.copy()  # half the cost of a new one
    hash_.update(salt)
    hash_.update(body)
    return hash_.digest()


def leaf_bytes(action: str, actor: str, at: str, body: str, kind: str, nonce: str, seq: int) -> bytes:
    """RFC 8785 bytes of a leaf. All strings must be of their checked forms, which need no escapes."""
    return (
        f'{{"action":"{action}","actor":"{actor}","at":"{at}","body":"{body}","kind":"{kind}",'
        f'"nonce":"{nonce}","seq":{seq},"v":{VERSION}}}'
    ).encode("ascii")


def tokens(nonce: bytes, commitment: bytes) -> tuple[str, str]:
    """Nonce (16 bytes) and commitment (32 bytes) as base64url without padding: 22 and 43 characters.

    Encoded in one go: zeros fill both up to whole groups of three bytes, as base64 itself would.
    """
    text = b2a_base64(b"%b\0\0%b\0" % (nonce, commitment), newline=False).translate(_URL_SAFE).decode("ascii")
    return text[:22], text[24:67]


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the tree holds of an entry."""

    action: str
    actor: str
    at: str
    body: str
    """base64url of the commitment, without padding."""
    kind: str
    nonce: str
    seq: int

    @classmethod
    def parse(cls, data: bytes) -> Leaf:
        """Read a leaf; its bytes must be the canonical ones. Raises IF_ERR_RECEIPT_INVALID."""
        try:
            if len(data) > MAX_LEAF_BYTES or (found := _LEAF.fullmatch(data.decode("ascii"))) is None:
                raise ValueError
            action, actor, at, body, kind, nonce, seq = found.groups()
            parse_at(at)
            leaf = cls(action, actor, at, body, kind, nonce, int(seq))
            if leaf.seq > 2**53 - 1:
                raise ValueError
        except (ValueError, AttributeError, TypeError):  # or no bytes at all
            raise FabricError(Code.RECEIPT_INVALID, "a leaf is not of the form that this log writes") from None
        return leaf

    def __bytes__(self) -> bytes:
        return leaf_bytes(self.action, self.actor, self.at, self.body, self.kind, self.nonce, self.seq)

    def commits_to(self, salt: bytes, body: bytes) -> bool:
        return urlsafe_b64encode(commitment(salt, body))[:43].decode("ascii") == self.body
