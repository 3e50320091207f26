"""What libraries log through the standard library's `logging`: it becomes lines of the one logger, secrets masked.

Without this, Python prints warnings of a library as they stand to stderr.
"""

from __future__ import annotations

import logging  # noqa: TID251 - the one place that takes what libraries log
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Lines", "from_libraries"]


class Lines(Protocol):
    """A structured logger; the kernel's `EventLog`."""

    def warning(self, event: str, **values: object) -> object: ...

    def error(self, event: str, **values: object) -> object: ...


@contextmanager
def from_libraries(lines: Lines) -> Iterator[None]:
    """Meanwhile, what libraries log as a warning or worse goes to `lines`."""
    root = logging.getLogger()
    handler = _Taking(lines)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _Taking(logging.Handler):
    def __init__(self, lines: Lines) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except Exception:
            said = "(a message that cannot be shown)"
        say = self._lines.error if record.levelno >= logging.ERROR else self._lines.warning
        say("library", library=record.name, said=said, exc_info=record.exc_info or None)
