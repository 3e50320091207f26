"""The encodings in which a secret may turn up in text, and how to undo them. Pure.

Two families. *Forms* replace the whole value: base64 in each of its three alignments (so also inside a larger encoded
value, as in HTTP Basic), hex, UTF-8 misread as Latin-1. *Escapes* touch single characters: percent-encoding, JSON and
Python backslash escapes, HTML entities, line wrapping, in any mixture and up to three deep. Compression, encryption and
deliberate obfuscation are not covered.
"""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import unquote

__all__ = ["DEPTH", "forms", "normal", "pattern", "unescaped", "views"]

DEPTH = 3
"""How many layers of escapes are undone."""
MIN_NORMAL = 6
"""A normal form shorter than this says too little to be searched for."""

_BACKSLASH = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([\\/\"'bfnrt]))")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def forms(secret: str) -> list[str]:
    """The texts that hold the whole of `secret`, longest first. Hex is in lower case: look for it in lowered text."""
    found = {secret}
    for plain in (secret, json.dumps(secret)[1:-1]):
        data = plain.encode("utf-8")
        found |= {data.hex(), data.decode("latin-1")}
        for before in range(3):
            core = _aligned(data, before)
            found |= {core, core.translate(_URLSAFE)}
    return sorted(found, key=lambda form: (-len(form), form))


_URLSAFE = str.maketrans("+/", "-_")


def _aligned(data: bytes, before: int) -> str:
    """The characters of base64 that depend on `data` alone when `before` other bytes (modulo 3) come first."""
    text = base64.b64encode(b"\0" * before + data).decode("ascii")
    return text[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]


def unescaped(text: str) -> str:
    """`text` with one layer of each escape undone and all white space, also in the form of `+`, dropped."""
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text)
    if "\\" in text:
        text = _SURROGATES.sub(_joined, _BACKSLASH.sub(_meant, text))
    return "".join(text.replace("+", " ").split())


def views(text: str) -> list[str]:
    """`text` and what it becomes as escapes are undone, up to `DEPTH` layers."""
    found = [text]
    for _ in range(DEPTH):
        after = unescaped(found[-1])
        if after == found[-1]:
            break
        found.append(after)
    return found


def normal(secret: str) -> str:
    """`secret` with all escapes undone that it seems to have itself: what is compared in the last resort."""
    return views(secret)[-1]


def pattern(form: str) -> str:
    """A regular expression for `form` with any of its characters escaped, and white space anywhere."""
    parts = []
    for run in re.findall(r"\\+|[^\\\s+]", form):
        parts.append(_slashes(len(run)) if run[0] == "\\" else _character(run))
    return _IGNORED.join(parts)


_IGNORED = (
    r"(?:[\s+]|%(?:25)*(?:20|2[bB]|0[9aAdD])|&#(?:32|43|[xX]2[0bB]);"
    r"|\\{1,8}(?:[nrt]|(?:u00|x)(?:20|2[bB]|0[9aAdD])))*"
)
"""White space and `+`, which `unescaped` drops, in all their escapes."""


def _slashes(count: int) -> str:
    """A run of backslashes as one repeat: a sequence of repeats would take exponential time on hostile text."""
    return rf"(?:\\|%(?:25)*5[cC]|&#0*92;|&#[xX]0*5[cC];){{{count},{8 * count}}}"


def _character(char: str) -> str:
    code = ord(char)
    data = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass")
    ways = [
        r"\\{0,8}" + re.escape(char) if char in "\"'/" else re.escape(char),
        "".join(f"%(?:25)*{byte:02x}" for byte in data),
        "".join(rf"\\{{1,8}}u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)),
        rf"\\{{1,8}}U{code:08x}",
        "".join(rf"\\{{1,8}}x{byte:02x}" for byte in data),
        f"&#0*{code};",
        f"&#x0*{code:x};",
    ]
    if code < 0x100:
        ways.append(rf"\\{{1,8}}x{code:02x}")
    if (named := html.escape(char)) != char:
        ways.append(re.escape(named))
    # Only the escapes' hex digits are free in case, the character itself is not.
    return f"(?:{ways[0]}|(?i:{'|'.join(ways[1:])}))"


def _meant(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits is None:
        return _SHORT.get(match[4], match[4])
    code = int(digits, 16)
    return chr(code) if code <= 0x10FFFF else match[0]


def _joined(match: re.Match[str]) -> str:
    return match[0].encode("utf-16", "surrogatepass").decode("utf-16")
