"""The logger of an open home: lines on stderr, made when the first one is to be written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infrafabric.keys.log import Logger

__all__ = ["LateLogger"]


class LateLogger:
    """Implements the kernel's port `EventLog`. Where nothing can be written to stderr, the kernel goes on unheard."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._made: Logger | None = None

    def info(self, event: str, **values: object) -> None:
        self._logger().info(event, **values)

    def warning(self, event: str, **values: object) -> None:
        self._logger().warning(event, **values)

    def error(self, event: str, **values: object) -> None:
        self._logger().error(event, **values)

    def _logger(self) -> Logger:
        if self._made is None:
            from infrafabric.keys.log import make_logger

            self._made = make_logger(self._redact, _to_stderr)
        return self._made


def _to_stderr(line: str) -> None:
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # closed, or its reader is gone
        return
