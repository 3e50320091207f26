"""Canonical JSON: the one serialization that is hashed and signed (RFC 8785), and the digests made of it.

Values are JSON values. Whole numbers beyond ±(2^53-1), NaN, infinities and lone surrogates are refused. The fast path
(orjson with sorted keys) is taken only where it gives the same bytes: ASCII keys, and no floats but plain fractions.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson
import rfc8785

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Json", "Parsed", "dumps", "loads", "parse", "sha256", "signed_bytes"]

Json = Any
"""A JSON value: dict with string keys, list, string, int, float, bool or None. Checked when it is serialized."""

MAX_DEPTH = 64
_MAX_INT = 2**53 - 1


def _is_plain(value: Any, depth: int) -> bool:
    """Whether orjson and RFC 8785 agree on `value`: keys in ASCII, and floats that both write without exponent and with
    a decimal point. Raises on what neither may serialize.

    Exact types only: a subclass (an enum, an ordered mapping) may serialize otherwise than it looks.
    """
    kind = type(value)
    if kind is str:
        if not value.isascii():
            value.encode()  # a lone surrogate has no UTF-8 form
        return True
    if value is None or value is True or value is False:
        return True
    if kind is int:
        if not -_MAX_INT <= value <= _MAX_INT:
            raise FabricError(Code.JSON_INVALID, f"the integer {value} is beyond 2^53-1")
        return True
    if kind is float:
        # RFC 8785 writes an integral float below 1e21 like an integer, and so it would be read back as one.
        if not math.isfinite(value) or (value.is_integer() and _MAX_INT < abs(value) < 1e21):
            raise FabricError(Code.JSON_INVALID, f"the number {value} is beyond 2^53-1 or not finite")
        return 1e-5 <= abs(value) < 1e15 and not value.is_integer()
    if depth >= MAX_DEPTH:
        raise FabricError(Code.JSON_INVALID, f"nested deeper than {MAX_DEPTH}")
    plain = True
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise FabricError(Code.JSON_INVALID, f"a member name is {type(key).__name__}, not a string")
            if not key.isascii():
                key.encode()
                plain = False
            if type(item) is str and item.isascii():  # most are, and need no call
                continue
            if not _is_plain(item, depth + 1):
                plain = False
        return plain
    if kind is list or kind is tuple:
        for item in value:
            if type(item) is str and item.isascii():
                continue
            if not _is_plain(item, depth + 1):
                plain = False
        return plain
    raise FabricError(Code.JSON_INVALID, f"{type(value).__name__} is not a JSON type")


def dumps(value: Json) -> bytes:
    """RFC 8785 bytes of a JSON value. Raises IF_ERR_JSON_INVALID for what has none."""
    try:
        if _is_plain(value, 0) and isinstance(value, (dict, list)):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise FabricError(Code.JSON_INVALID, str(error)) from None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value from outside that was looked through."""

    value: Json
    plain: bool
    """Whether the fast serializer gives its canonical bytes, and those of its parts."""

    def signed_bytes(self, domain: str, part: Mapping[str, Json]) -> bytes:
        """`signed_bytes` of `part`, which holds nothing that is not in `value`: it is not looked through again."""
        text = orjson.dumps(part, option=orjson.OPT_SORT_KEYS) if self.plain else dumps(part)
        return domain.encode("ascii") + b"\n" + text


def loads(data: bytes | str, *, limit: int = 1 << 20) -> Json:
    """Parse JSON from outside: at most `limit` bytes, no duplicate members, bounded depth, I-JSON numbers only.

    Raises IF_ERR_TOO_LARGE or IF_ERR_JSON_INVALID.
    """
    return parse(data, limit=limit).value


def parse(data: bytes | str, *, limit: int = 1 << 20) -> Parsed:
    """The same, with what looking through it showed. Raises as `loads` does."""
    if len(data) > limit:
        raise FabricError(Code.TOO_LARGE, f"{len(data)} bytes of JSON where {limit} are taken")
    try:
        value = _read(data)
        plain = _is_plain(value, 0)
    except RecursionError:
        raise FabricError(Code.JSON_INVALID, f"nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        raise FabricError(Code.JSON_INVALID, str(error)[:200]) from None
    return Parsed(value, plain)


def _read(data: bytes | str) -> Json:
    """Parse JSON without duplicate members. Raises ValueError, RecursionError.

    What the fast parser read, and its serializer writes again byte for byte, said no member twice and nothing that the
    two parsers could take differently.
    """
    # UTF-8 and nothing else: left to itself the other parser would guess UTF-16 from the bytes.
    text = data if isinstance(data, str) else data.decode("utf-8")
    if isinstance(data, bytes):
        try:
            value = orjson.loads(data)
            if orjson.dumps(value) == data:
                return value
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the other parser says what is wrong, if anything is
            pass
    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def sha256(data: bytes) -> str:
    """`sha256:<64 hex digits>`, the form of every digest in manifests, plans and entries."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def signed_bytes(domain: str, value: Json) -> bytes:
    """What is signed or hashed for `value` under `domain`: the domain, a line feed, the canonical JSON."""
    return domain.encode("ascii") + b"\n" + dumps(value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the member {twice[:64]!r} occurs twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
