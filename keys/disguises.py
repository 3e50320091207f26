"""The encodings in which a secret may turn up in text, and how to undo them. Pure.

Two families. *Forms* replace the whole value: base64 in each of its three alignments (so also inside a larger encoded
value, as in HTTP Basic), hex, UTF-8 misread as Latin-1. *Escapes* touch single characters: percent-encoding, JSON and
Python backslash escapes, HTML entities, line wrapping, in any mixture and up to three deep. Compression, encryption and
deliberate obfuscation are not covered.
"""

from __future__ import annotations

import base64
import html.entities
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["DEPTH", "Traced", "forms", "itself", "normal", "traced", "unescaped", "views"]

DEPTH = 3
"""How many layers of escapes are undone."""
MIN_NORMAL = 6
"""A normal form shorter than this says too little to be searched for."""


def forms(secret: str) -> dict[str, bool]:
    """The texts that hold the whole of `secret`, each with whether it was cut out of base64.

    Those leave out the characters at their ends that depend on what stands beside the secret. Hex is in lower case.
    """
    found = {secret: False}
    for plain in (secret, json.dumps(secret)[1:-1]):
        data = plain.encode("utf-8")
        found |= {data.hex(): False, data.decode("latin-1"): False}
        for before in range(3):
            core = _aligned(data, before)
            found |= {core: True, core.translate(_URLSAFE): True}
    return found


_URLSAFE = str.maketrans("+/", "-_")


def _aligned(data: bytes, before: int) -> str:
    """The characters of base64 that depend on `data` alone when `before` other bytes (modulo 3) come first."""
    text = base64.b64encode(b"\0" * before + data).decode("ascii")
    return text[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]


def unescaped(text: str) -> str:
    """`text` with one layer of each escape undone and all white space, also in the form of `+`, dropped."""
    for sign, escape, meaning in _ESCAPES:
        if sign in text:
            text = escape.sub(meaning, text)
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
    """`secret` with all escapes undone that it seems to have itself."""
    return views(secret)[-1]


@dataclass(frozen=True, slots=True)
class Traced:
    """A view whose characters know where they come from: `text[i]` stands for `starts[i]:ends[i]` of the original."""

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from `start` to before `end` stand in the original."""
        return self.starts[start], self.ends[end - 1]


def itself(text: str) -> Traced:
    """`text` as a view of itself."""
    return Traced(text, list(range(len(text))), list(range(1, len(text) + 1)))


def traced(text: str) -> list[Traced]:
    """The views of `text`, traced. Slower than `views` by far: for text that is known to hold something."""
    found = [itself(text)]
    for _ in range(DEPTH):
        after = found[-1]
        for sign, escape, meaning in _ESCAPES:
            if sign in after.text:
                after = _substituted(after, escape, meaning)
        after = _substituted(after, _SPACE, _nothing)
        if after.text == found[-1].text:
            break
        found.append(after)
    return found


def _substituted(view: Traced, escape: re.Pattern[str], meaning: _Meaning) -> Traced:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in escape.finditer(view.text):
        start, end = match.span()
        meant = meaning(match)
        parts += [view.text[done:start], meant]
        starts += view.starts[done:start] + [view.starts[start]] * len(meant)
        ends += view.ends[done:start] + [view.ends[end - 1]] * len(meant)
        done = end
    return Traced("".join([*parts, view.text[done:]]), starts + view.starts[done:], ends + view.ends[done:])


def _entity(match: re.Match[str]) -> str:
    body = match[1]
    if body[0] != "#":
        return html.entities.html5.get(f"{body};", match[0])
    code = int(body[2:], 16) if body[1] in "xX" else int(body[1:])
    return chr(code) if code <= sys.maxunicode else match[0]


def _percent(match: re.Match[str]) -> str:
    try:
        return bytes.fromhex(match[0].replace("%", "")).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _backslash(match: re.Match[str]) -> str:
    if match[1]:
        return bytes.fromhex(match[1] + match[2]).decode("utf-16-be")
    if match[3]:
        code = int(match[3][1:], 16)
        return chr(code) if code <= sys.maxunicode else match[0]
    return _SHORT.get(match[4], match[4])


def _nothing(_: re.Match[str]) -> str:
    return ""


_Meaning = Callable[[re.Match[str]], str]
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_H, _NEXT = "[0-9a-fA-F]", "%[89abAB][0-9a-fA-F]"
_PERCENT = f"%[0-7]{_H}|%[c-dC-D]{_H}{_NEXT}|%[eE]{_H}(?:{_NEXT}){{2}}|%[fF][0-4](?:{_NEXT}){{3}}"
_BACKSLASH = (
    rf"\\u([dD][89abAB]{_H}{{2}})\\u([dD][c-fC-F]{_H}{{2}})"
    rf"|\\(u{_H}{{4}}|U{_H}{{8}}|x{_H}{{2}})|\\([\\/\"'bfnrt])"
)
_SPACE = re.compile(r"[\s+]+")
# A sign that all escapes of a kind have, the escape of one character, what it means.
_ESCAPES: tuple[tuple[str, re.Pattern[str], _Meaning], ...] = (
    ("&", re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"), _entity),
    ("%", re.compile(_PERCENT), _percent),
    ("\\", re.compile(_BACKSLASH), _backslash),
)
