"""How messages are told apart and read: by members that they hold, and by JSON Pointers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["LACKING", "Pointer", "fits"]

LACKING = object()
"""What a pointer gives that leads nowhere."""
_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def fits(pattern: Any, message: Any) -> bool:
    """Whether `message` holds every member that `pattern` names, with these values; it may hold others.

    Types count: true is not 1. An array fits an equal array only.
    """
    if isinstance(pattern, Mapping):
        return isinstance(message, Mapping) and all(
            key in message and fits(value, message[key]) for key, value in pattern.items()
        )
    if isinstance(pattern, (list, tuple)):
        return (
            isinstance(message, (list, tuple))
            and len(pattern) == len(message)
            and all(map(fits, pattern, message))
            and all(map(fits, message, pattern))
        )
    if isinstance(pattern, bool) or isinstance(message, bool) or pattern is None:
        return pattern is message
    return bool(pattern == message)


class Pointer:
    """A JSON Pointer (RFC 6901). Raises ValueError for what is none."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or len(text) > 200 or _POINTER.fullmatch(text) is None:
            raise ValueError(f"{str(text)[:60]!r} is no JSON Pointer")
        self._steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])

    def get(self, value: Any) -> Any:
        """What it leads to; LACKING where it leads nowhere."""
        for step in self._steps:
            if isinstance(value, Mapping) and step in value:
                value = value[step]
            elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
                value = value[int(step)]
            else:
                return LACKING
        return value
