"""Amounts as people write and read them: money in decimals, kept in millionths.

Millionths rather than cents: manifests price single requests, which often cost less than a cent.
"""

from __future__ import annotations

import re
from decimal import Decimal

from infrafabric.kernel.words.policy import Unit

__all__ = ["MILLION", "decimal_of", "money_of", "shown"]

MILLION = 1_000_000
_DECIMAL = re.compile(r"\d{1,10}(\.\d{1,6})?")


def money_of(text: str) -> int | None:
    """Millionths of what `text` says, such as `25` or `0.0004`; None where it is no such amount."""
    return int(Decimal(text) * MILLION) if text.isascii() and _DECIMAL.fullmatch(text) else None


def decimal_of(millionths: int) -> str:
    """`25.00`, `0.0004`: at least two decimals, and as many more as there is something to say."""
    sign, whole = ("-" if millionths < 0 else ""), abs(millionths)
    fraction = f"{whole % MILLION:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole // MILLION}.{fraction}"


def shown(amount: int, unit: Unit, currency: str = "") -> str:
    """`25.00 USD`, `12 requests`, `4000 tokens`."""
    if unit is Unit.MONEY:
        return f"{decimal_of(amount)} {currency}".rstrip()
    return f"{amount} {unit.value if amount != 1 else unit.value.removesuffix('s')}"
