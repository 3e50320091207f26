"""How many guesses a secret's value stands for: what is masked for everybody must be nobody's ordinary words. Pure.

Whoever may keep a secret has its value masked in all that the house says, to every tenant. A value of words, a name or
a date would so cut pieces out of what others read. The estimate is low on purpose, after the way in which guessers
work: a run of letters counts as one word of a list, repeated digits as few, and signs that join words as none.
"""

from __future__ import annotations

import re
from math import log2

__all__ = ["ENOUGH_BITS", "guessing_bits"]

ENOUGH_BITS = 50.0
"""Four words of a list stay below it; 16 hex digits or 12 characters of every kind are above."""
WORD_BITS, WORD_LETTERS = 10.0, 8
"""A common word, up to so many letters; each further letter adds 2 bits."""
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+|[\W_]")
_JOINING = frozenset(" \t\r\n-_.,:;/@'\"")


def guessing_bits(value: str) -> float:
    """A low estimate of the bits that guessing `value` takes; the same piece twice counts once."""
    return sum(_bits(piece) for piece in set(_PIECES.findall(value)))


def _bits(piece: str) -> float:
    if piece[0] in _JOINING:
        return 0.0
    length = min(len(piece), 2 * len(set(piece)))
    if piece.isdecimal():
        return length * log2(10)
    if piece.isalpha():
        return min(length * log2(26), WORD_BITS + 2.0 * max(0, length - WORD_LETTERS))
    return 5.0
