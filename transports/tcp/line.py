"""Lines with places: what a template says stands, what fills a place can never leave it. Pure.

`plain` writes a value as it is: no control character and no line separator, not empty, no white space except in a place
at the line's end, and not the character that follows its place. `percent` encodes all but RFC 3986's unreserved
characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.encoding import Misplaced, text_form
from infrafabric.transports.places import argument_fault

__all__ = ["Line", "Writer", "compile_line", "percent", "plain"]

MAX_LINE = 4096
PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")

Writer = Callable[[object, str, bool], str]
"""A value, the character after its place, whether the place ends the line → its text. Raises Misplaced."""


def plain(value: object, follows: str, last: bool) -> str:
    text = text_form(value)
    if not text:
        raise Misplaced("is empty")
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text):
        raise Misplaced("holds a control character or a line separator")
    if not last and any(char.isspace() for char in text):
        raise Misplaced("holds white space where more follows in the line")
    if last and text != text.strip():
        raise Misplaced("begins or ends with white space")
    if follows and follows in text:
        raise Misplaced(f"holds {follows!r}, which ends its place")
    return text


def percent(value: object, follows: str, last: bool) -> str:
    return quote(text_form(value), safe="")


@dataclass(frozen=True, slots=True)
class Line:
    """Constant texts with a place between each two: one more than `names`."""

    texts: tuple[str, ...]
    names: tuple[str, ...]
    write: Writer

    def fill(self, effect: str, values: Mapping[str, Any]) -> str:
        """The line without its end. Raises IF_ERR_EFFECT_ARGUMENT naming the place."""
        pieces = [self.texts[0]]
        for number, name in enumerate(self.names):
            after = self.texts[number + 1]
            last = number == len(self.names) - 1 and not after
            try:
                pieces += self.write(values[name], after[:1], last), after
            except Misplaced as error:
                raise argument_fault(effect, name, str(error)) from None
        return "".join(pieces)


def compile_line(template: object, where: str, write: Writer) -> Line:
    """Raises IF_ERR_MANIFEST_INVALID for what is no line."""
    if not isinstance(template, str) or not 0 < len(template) <= MAX_LINE:
        raise _fault(where, f"is a line of 1 to {MAX_LINE} characters")
    parts = PLACE.split(template)
    texts, names = tuple(parts[0::2]), tuple(parts[1::2])
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in template):
        raise _fault(where, "holds a control character")
    if any("{" in text or "}" in text for text in texts):
        raise _fault(where, "holds a brace that is no place: {name}")
    if any(not text for text in texts[1:-1]):
        raise _fault(where, "has two places that nothing parts")
    if len(set(names)) != len(names):
        raise _fault(where, "has a place twice")
    return Line(texts, names, write)


def _fault(where: str, why: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"{where} {why}")
