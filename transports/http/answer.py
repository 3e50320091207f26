"""From an HTTP answer's bytes to the JSON value that guests see: decoded, bounded, redacted. Pure."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Redactor
from infrafabric.transports.http.connection import Head
from infrafabric.transports.places import show

__all__ = ["LATER", "Body", "answer_value", "header", "problem", "retry_after"]

HEADERS = ("content-type", "etag", "last-modified", "location", "retry-after", "link", "x-request-id", "request-id")
"""The headers that guests see; each says something an adapter may need, none carries a session."""
MAX_HEADER = 1024
MAX_PROBLEM = 300
LATER = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses of a peer that may take the same request later. 500 is not among them: what a system breaks on once, it
mostly breaks on again."""
LONGEST_S = 86_400
_CHARSET = re.compile(rb"charset\s*=\s*\"?([A-Za-z0-9._:-]{1,40})", re.ASCII)
_CHARSETS = {b"iso-8859-1": "cp1252", b"latin1": "cp1252", b"windows-1252": "cp1252"}
"""Charsets beside UTF-8, by the decoder that the WHATWG encoding standard gives them."""
_ROOM = 64 * 1024


class Body:
    """An answer's body as it arrives: at most `limit` bytes of it, decoded as its Content-Encoding says.

    What is decompressed is bounded while it is decompressed, so a bomb never unfolds. Raises IF_ERR_ANSWER_TOO_LARGE
    and IF_ERR_ANSWER_INVALID, naming `target`.
    """

    def __init__(self, target: str, head: Head, limit: int) -> None:
        self._target = target
        self._limit = limit
        self._data = bytearray()
        self._raw = 0
        self._coding = header(head, b"content-encoding").strip().lower()
        if self._coding not in (b"", b"identity", b"gzip", b"x-gzip", b"deflate"):
            raise FabricError(
                Code.ANSWER_INVALID, f"target {target} answered in a Content-Encoding that was not asked for"
            )
        self._inflate: zlib._Decompress | None = None
        length = header(head, b"content-length")
        if length.isdigit() and (len(length) > 18 or int(length) > limit) and self._coding in (b"", b"identity"):
            raise self._too_large()

    def feed(self, chunk: bytes) -> None:
        self._raw += len(chunk)
        if self._raw > self._limit + _ROOM:
            raise self._too_large()  # a stream of empty gzip members grows without ever giving a byte
        if self._coding in (b"", b"identity"):
            self._data += chunk
        else:
            self._decompress(chunk)
        if len(self._data) > self._limit:
            raise self._too_large()

    def finish(self) -> bytes:
        if self._inflate is not None and not self._inflate.eof:
            raise FabricError(Code.ANSWER_INVALID, f"target {self._target} answered with a cut {self._coding!r} body")
        return bytes(self._data)

    def _decompress(self, chunk: bytes) -> None:
        try:
            while chunk:
                if self._inflate is None:
                    self._inflate = zlib.decompressobj(self._window(chunk))
                elif self._inflate.eof:
                    if self._coding == b"deflate":
                        raise zlib.error
                    self._inflate = zlib.decompressobj(47)  # gzip members may follow each other, RFC 1952
                room = self._limit - len(self._data) + 1
                self._data += self._inflate.decompress(chunk, room)
                if len(self._data) > self._limit:
                    raise self._too_large()
                chunk = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        except zlib.error:
            raise FabricError(
                Code.ANSWER_INVALID, f"target {self._target} answered with a body that is not {self._coding.decode()}"
            ) from None

    def _window(self, chunk: bytes) -> int:
        if self._coding != b"deflate":
            return 47
        return 15 if chunk[0] & 0x0F == 8 else -15  # RFC 9110 means zlib; some servers send bare deflate

    def _too_large(self) -> FabricError:
        return FabricError(Code.ANSWER_TOO_LARGE, f"target {self._target} answered with more than {self._limit} bytes")


def header(head: Head, name: bytes) -> bytes:
    """The value of a header, its lines joined by `, ` (RFC 9110 section 5.3); empty where there is none."""
    return b", ".join(value for key, value in head.headers if key == name)


def answer_value(head: Head, body: bytes, redactor: Redactor) -> dict[str, Any]:
    """`{"status", "headers", "body"}`, and `"encoding": "base64"` where the body is not text. Secrets are redacted.

    Text is UTF-8 (a byte order mark is dropped) unless the answer declares one of the Latin charsets.
    """
    headers = {
        name: redactor.redact(said.decode("latin-1"))[:MAX_HEADER]
        for name in HEADERS
        if (said := header(head, name.encode()))
    }
    value: dict[str, Any] = {"status": head.status, "headers": headers}
    charset = _CHARSET.search(header(head, b"content-type"))
    decoder = _CHARSETS.get(charset[1].lower(), "utf-8-sig") if charset else "utf-8-sig"
    try:
        value["body"] = redactor.redact(body.decode(decoder))
    except UnicodeDecodeError:
        text = body.decode("latin-1")
        if redactor.found(text):
            body = redactor.redact(text).encode("latin-1", "replace")
        value["body"] = base64.b64encode(body).decode("ascii")
        value["encoding"] = "base64"
    return value


def retry_after(head: Head, now: datetime) -> float | None:
    """Seconds until the peer wants to be asked again: its Retry-After (RFC 9110 section 10.2.3), a number or a date.

    None where it does not say so in a form that can be read, or means another day.
    """
    said = header(head, b"retry-after").decode("latin-1").strip()
    if said.isascii() and said.isdigit() and len(said) <= len(str(LONGEST_S)):
        seconds = float(said)
    else:
        try:
            at = parsedate_to_datetime(said)
        except ValueError:
            return None
        seconds = max(0.0, ((at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - now).total_seconds())
    return seconds if seconds <= LONGEST_S else None


def problem(head: Head, value: Mapping[str, Any], redactor: Redactor) -> str:
    """What the peer said is wrong, in one line: status, reason, the beginning of a text body."""
    parts = [str(head.status), redactor.redact(head.reason.decode("latin-1"))]
    said = " ".join(part for part in parts if part)
    if "encoding" not in value and value["body"].strip():
        said += ": " + " ".join(value["body"][: 4 * MAX_PROBLEM].split())
    return show(said[:MAX_PROBLEM])
