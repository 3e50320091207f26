"""The two exceptions that mean something to the kernel. Any other is reported as the adapter's fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["EffectError", "Refuse"]


class Refuse(Exception):
    """The intent cannot be met as the world stands. The message is shown to the caller: IF_ERR_ADAPTER_REFUSED."""


class EffectError(Exception):
    """The kernel or the target said no to a read or a write. An adapter may catch it; uncaught, it ends the run.

    `code` is the kernel's (`IF_ERR_TARGET_STATUS`, …), `value` the driver's answer as JSON where there was one.
    """

    def __init__(self, code: str, message: str, value: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.value: Mapping[str, Any] = value if value is not None else {}

    def __str__(self) -> str:
        return self.message
