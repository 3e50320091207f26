"""A JSON value that came from a peer, as guests may see it: I-JSON, bounded, secrets redacted.

Answers of megabytes come on the loop's thread, so nothing here visits each value in Python one by one: what canonical
JSON takes is checked level by level, and the canonical bytes are left to whoever needs them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

import orjson

from infrafabric.kernel.canonical import MAX_DEPTH
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Redactor

__all__ = ["redact_json", "seen", "seen_aside"]

ASIDE = 256 * 1024
"""Bytes of an answer above which `seen_aside` leaves the loop's thread."""
_MAX_INT = 2**53 - 1
_SCALARS = frozenset({str, int, float, bool, type(None)})
_PLAIN = orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS


def seen(value: Mapping[str, Any], target: str, limit: int, redactor: Redactor) -> Mapping[str, Any]:
    """`value`, which is at most `limit` bytes as JSON, with secrets masked in texts, member names and numbers.

    Raises IF_ERR_ANSWER_TOO_LARGE, and IF_ERR_ANSWER_INVALID for what has no canonical form (`kernel.canonical`):
    integers beyond 2^53-1, nesting beyond 64.
    """
    return _masked(value, _written(value, target, limit), target, redactor)


async def seen_aside(value: Mapping[str, Any], target: str, limit: int, redactor: Redactor) -> Mapping[str, Any]:
    """What `seen` returns, and raises; in another thread where it is large. `value` is not to be changed meanwhile."""
    text = _written(value, target, limit)
    if len(text) <= ASIDE:
        return _masked(value, text, target, redactor)
    return await asyncio.to_thread(_masked, value, text, target, redactor)


def redact_json(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, Mapping):
        return {redactor.redact(key): redact_json(item, redactor) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_json(item, redactor) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = str(value)
        return redactor.redact(text) if redactor.found(text) else value
    return value


def _written(value: Mapping[str, Any], target: str, limit: int) -> bytes:
    try:
        text = orjson.dumps(value, option=_PLAIN)
    except orjson.JSONEncodeError:  # integers, lone surrogates, other types; nesting too, though later than we do
        raise _invalid(target) from None
    if len(text) > limit:
        raise FabricError(Code.ANSWER_TOO_LARGE, f"target {target} answered with more than {limit} bytes")
    return text


def _masked(value: Mapping[str, Any], text: bytes, target: str, redactor: Redactor) -> Mapping[str, Any]:
    if not _fits(value):
        raise _invalid(target)
    if not redactor.found(text.decode("utf-8")):
        return value
    masked: dict[str, Any] = redact_json(value, redactor)
    return masked


def _fits(value: Any) -> bool:
    """Whether what orjson has written has a canonical form too: exact types, depth, floats."""
    items: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        kinds = set(map(type, items))
        if float in kinds and not _exact([item for item in items if type(item) is float]):
            return False
        kinds -= _SCALARS
        if not kinds:
            return True
        if kinds - {dict, list, tuple}:
            return False
        objects = [item for item in items if type(item) is dict]
        if set(map(type, chain.from_iterable(objects))) - {str}:
            return False
        arrays = [item for item in items if type(item) is list or type(item) is tuple]
        items = list(chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(arrays)))
    return False


def _exact(numbers: list[float]) -> bool:
    """As `kernel.canonical` has it: finite, and no integral one that would be read back as a large integer."""
    return all(
        -_MAX_INT <= one <= _MAX_INT or (math.isfinite(one) and not (one.is_integer() and abs(one) < 1e21))
        for one in numbers
    )


def _invalid(target: str) -> FabricError:
    return FabricError(
        Code.ANSWER_INVALID, f"target {target} answered with JSON that holds too deep nesting or too large numbers"
    )
