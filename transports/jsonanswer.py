"""A JSON value that came from a peer, as guests may see it: I-JSON, bounded, secrets redacted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Redactor

__all__ = ["redact_json", "seen"]


def seen(value: Mapping[str, Any], target: str, limit: int, redactor: Redactor) -> Mapping[str, Any]:
    """`value`, which is at most `limit` bytes as JSON, with secrets masked in texts, member names and numbers.

    Raises IF_ERR_ANSWER_TOO_LARGE, and IF_ERR_ANSWER_INVALID for what JSON cannot carry exactly (integers beyond
    2^53-1, nesting beyond 64).
    """
    try:
        text = dumps(value)
    except (FabricError, RecursionError):
        raise FabricError(
            Code.ANSWER_INVALID, f"target {target} answered with JSON that holds too deep nesting or too large numbers"
        ) from None
    if len(text) > limit:
        raise FabricError(Code.ANSWER_TOO_LARGE, f"target {target} answered with more than {limit} bytes")
    if not redactor.found(text.decode("utf-8")):
        return value
    masked: dict[str, Any] = redact_json(value, redactor)
    return masked


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
