"""Rates on the command line: `2`, `0.5` or `2:10`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.kernel.words.things import Rate

__all__ = ["rate"]


def rate(text: str) -> Rate:
    """The rate of 2, 0.5 or 2:10 (asks a second, and at once). Raises IF_ERR_USAGE."""
    from pydantic import ValidationError

    from infrafabric.kernel.words.things import Rate

    rps, _, burst = text.partition(":")
    try:
        return Rate(rps=float(rps), burst=int(burst) if burst else max(1, round(float(rps))))
    except (ValueError, OverflowError, ValidationError):
        said = f"--rate: {text[:40]!r} is no rate; one is 2 (asks a second) or 2:10 (and 10 at once)"
        raise FabricError(Code.USAGE, said) from None
