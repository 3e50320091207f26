"""Text that someone else wrote, made safe to show: a guest, a peer, a publisher or an error may say anything.

A terminal obeys control characters, and bidirectional ones make a line read as another. So whatever is not plainly
visible is written as its escape, and what is too long is cut and says so.
"""

from __future__ import annotations

import unicodedata

__all__ = ["visible"]

# Cc control, Cf format (bidirectional overrides, zero-width), Cs surrogates, Co private use, Cn unassigned,
# Zl and Zp line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKS = frozenset({"Mn", "Me"})
MAX_MARKS = 4
"""Combining marks in a row; more would climb over the neighbouring lines."""


def visible(text: object, cap: int = 300) -> str:
    """`text` in one line of at most about `cap` characters, every hidden character as `\\xNN`, `\\uNNNN`."""
    source = str(text)
    shown: list[str] = []
    marks = 0
    for character in source[:cap]:
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if category in _HIDDEN or marks > MAX_MARKS or (category == "Zs" and character != " "):
            shown.append(_escape(character))
        else:
            shown.append(character)
    if len(source) > cap:
        shown.append(f"… ({len(source) - cap} more characters)")
    return "".join(shown)


def _escape(character: str) -> str:
    point = ord(character)
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named is not None:
        return named
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
