"""Which parts of a pattern can be cut out of a line by asking for the longest first. Pure.

An engine that says where it matched takes, left to right, as much as each piece can. Asked only whether it matches, the
longest part is the same text for these parts, and no other is accepted:

- pieces of fixed width, and single characters or classes with `*`, `+`, `?`, `{m,n}`: two ways through such a row that
  end crosswise meet at one piece, so the way that begins with more can end as far as the other;
- pieces of fixed width and one other, which itself takes the longest first: a repeated piece of fixed width, something
  optional, alternatives of fixed width with the longer ones first;
- before either, alternatives of plain text of which none begins another: one at most can match.

Assertions other than `$` at the very end are refused: they look beyond a cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Span", "measure"]

_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]+)(,([0-9]*))?\}")
_ESCAPE = re.compile(r"\\(?:[pP](?:\{[^}]*\}|[A-Za-z])|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|u[0-9A-Fa-f]{4}|[^pPxu])")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\[\\])*\]")
_ONE = frozenset("dDwWsStnrfva")
"""Letters that make a class or a control character when escaped."""
_Kind = Literal["fixed", "chars", "sure", "long", "odd"]


@dataclass(frozen=True, slots=True)
class Span:
    """How many characters a part takes; `most` None: no limit."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: _Kind
    """`fixed` width; `chars`, some number of single characters; `sure`, one of texts of which none begins another;
    `long`, takes the longest first; `odd`, none of these."""
    least: int
    most: int | None
    text: str | None = None
    """What it stands for, where that is one character as it is."""


_END = _Piece("fixed", 0, 0)


def measure(part: str, *, last: bool = False) -> Span:
    """Raises ValueError with the reason for a part that cannot be cut out so. The `last` may take what it likes."""
    parser = _Parser(part, last)
    branches = parser.branches()
    if parser.at < len(part):
        raise ValueError("its parentheses do not match")
    piece = _alternatives(branches)
    if piece.kind == "odd" and not last:
        raise ValueError(f"what {part[:60]!r} takes depends on more than its length; see the documentation of drivers")
    return Span(piece.least, piece.most)


class _Parser:
    def __init__(self, text: str, last: bool) -> None:
        self.text = text
        self.at = 0
        self._last = last

    def branches(self) -> list[list[_Piece]]:
        found = [self._row()]
        while self.text.startswith("|", self.at):
            self.at += 1
            found.append(self._row())
        return found

    def _row(self) -> list[_Piece]:
        row: list[_Piece] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            row += self._repeated(self._one())
        return row

    def _one(self) -> list[_Piece]:
        text, at = self.text, self.at
        if text.startswith("(?:", at):
            self.at += 3
            branches = self.branches()
            if not text.startswith(")", self.at):
                raise ValueError("its parentheses do not match")
            self.at += 1
            return branches[0] if len(branches) == 1 else [_alternatives(branches)]
        if text[at] == "[":
            found = _CLASS.match(text, at)
            if found is None or re.search(r"&&|--|~~", found[0]):
                raise ValueError("a class within a class is not taken beside a group")
            self.at = found.end()
            return [_Piece("fixed", 1, 1)]
        if text[at] == "\\":
            found = _ESCAPE.match(text, at)
            if found is None or (len(found[0]) == 2 and found[0][1].isalnum() and found[0][1] not in _ONE):
                raise ValueError(f"{text[at : at + 2]!r} is not taken beside a group")
            if found[0][1] in "<>":
                raise ValueError(f"{found[0]!r} is not taken beside a group")
            self.at = found.end()
            return [_Piece("fixed", 1, 1, None if found[0][1].isalpha() else found[0][1])]
        self.at += 1
        if text[at] == "$" and self._last:
            return [_END]
        if text[at] in "^$":
            raise ValueError(f"{text[at]!r} within is not taken beside a group")
        if text[at] in "*+?{(":
            raise ValueError(f"{text[at]!r} has nothing to stand after")
        return [_Piece("fixed", 1, 1, None if text[at] == "." else text[at])]

    def _repeated(self, row: list[_Piece]) -> list[_Piece]:
        found = _QUANTIFIER.match(self.text, self.at)
        if found is None:
            return row
        self.at = found.end()
        if self.text[self.at : self.at + 1] in ("?", "*", "+", "{"):
            raise ValueError(f"{found[0]}{self.text[self.at]} is not taken beside a group: each takes the most it can")
        if found[1] is not None:
            low = int(found[1])
            high = low if found[2] is None else int(found[3]) if found[3] else None
        else:
            low, high = int(found[0] == "+"), 1 if found[0] == "?" else None
        return [_times(_row_piece(row), low, high)]


def _times(piece: _Piece, low: int, high: int | None) -> _Piece:
    most = None if high is None or piece.most is None else piece.most * high
    kind: _Kind = "odd"
    if piece.kind == "fixed" and piece.least > 0:
        kind = "fixed" if low == high else "chars" if piece.least == 1 else "long"
    elif (low, high) == (0, 1) and piece.kind != "odd":
        kind = "long"
    return _Piece(kind, piece.least * low, most)


def _row_piece(row: Sequence[_Piece]) -> _Piece:
    """Pieces one after the other as one."""
    least = sum(piece.least for piece in row)
    most = None if any(piece.most is None for piece in row) else sum(piece.most or 0 for piece in row)
    lead = 0
    while lead < len(row) and row[lead].kind in ("fixed", "sure"):
        lead += 1
    moving = [piece.kind for piece in row[lead:] if piece.kind != "fixed"]
    kind: _Kind
    if not moving:
        kind = "sure" if any(piece.kind == "sure" for piece in row) else "fixed"
    elif all(each == "chars" for each in moving) or moving == ["long"]:
        kind = "long"
    else:
        kind = "odd"
    return _Piece(kind, least, most)


def _alternatives(branches: Sequence[Sequence[_Piece]]) -> _Piece:
    pieces = [_row_piece(row) for row in branches]
    if len(pieces) == 1:
        return pieces[0]
    least = min(piece.least for piece in pieces)
    most = None if any(piece.most is None for piece in pieces) else max(piece.most or 0 for piece in pieces)
    kind: _Kind = "odd"
    if all(piece.kind == "fixed" for piece in pieces):
        widths = [piece.least for piece in pieces]
        if least == most:
            kind = "fixed"
        elif _none_begins_another(branches):
            kind = "sure"
        elif widths == sorted(widths, reverse=True):
            kind = "long"
    return _Piece(kind, least, most)


def _none_begins_another(branches: Sequence[Sequence[_Piece]]) -> bool:
    if any(piece.text is None for row in branches for piece in row):
        return False
    texts = sorted("".join(piece.text or "" for piece in row) for row in branches)
    return not any(after.startswith(before) for before, after in zip(texts, texts[1:], strict=False))
