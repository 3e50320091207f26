"""Patterns for lines: matched without backtracking, and with at most one group to take out of the line. Pure.

The engine is Rust's `regex`, as for every pattern that a publisher signs (`kernel.schemas`). It says whether a pattern
matches, not where; so a pattern with a group is cut at it, and the group found by asking for ways to cut the line, the
longest first. Patterns for which that is another text than the engine would take are refused (`cutting`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.schemas import compile_pattern, matches, matches_whole
from infrafabric.transports.tcp.cutting import Span, measure

__all__ = ["LinePattern", "compile_line_pattern"]

MAX_PATTERN = 300
MAX_TRIES = 20_000
"""How often the engine is asked about one line of at most LONG characters; about a longer one less often."""
LONG = 4096
_ANCHORED = re.compile(r"(?<!\\)(?:\\\\)*\$\Z")


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A pattern that begins with `^`."""

    text: str
    parts: tuple[_Part, _Part, _Part] | None
    """What is before the group, in it, and after it; None where there is none."""

    def matches(self, line: str) -> bool:
        return matches(self.text, line)

    def group(self, line: str) -> str:
        """The group's text in a line that matches, as the engine takes it; "" where the pattern has none. Raises
        IF_ERR_ANSWER_INVALID for a line in which finding it takes too many tries."""
        if self.parts is None:
            return ""
        before, within, after = self.parts
        size, ask = len(line), _asking(line)
        anchored = _ANCHORED.search(after.text) is not None and after.span.most is not None
        lowest = max(0, size - (after.span.most or 0)) if anchored else 0
        unasked = size - after.span.least
        ends: list[int] = []
        """Where what is after the group fits, from the right; negative, so that they ascend."""
        for start in range(_least(size, before.span.most), before.span.least - 1, -1):
            if not ask(matches_whole, before.text, line[:start]):
                continue
            top = _least(size, within.span.most, start)
            unasked = min(unasked, top)  # starts go down, and so do the ends that they reach
            while unasked >= max(start + within.span.least, lowest):
                if ask(matches, rf"\A(?:{after.text})", line[unasked:]):
                    ends.append(-unasked)
                unasked -= 1
            for number in range(bisect_left(ends, -top), len(ends)):
                if ask(matches_whole, within.text, line[start : -ends[number]]):
                    return line[start : -ends[number]]
        return ""


def _asking(line: str) -> Callable[[Callable[[str, str], bool], str, str], bool]:
    """Asks the engine, as often as may be for that line."""
    left = MAX_TRIES if len(line) <= LONG else MAX_TRIES * LONG // len(line)

    def ask(how: Callable[[str, str], bool], part: str, text: str) -> bool:
        nonlocal left
        if left == 0:
            raise FabricError(Code.ANSWER_INVALID, "a line of the answer is too tangled to find the pattern's group in")
        left -= 1
        return how(part, text)

    return ask


def _least(size: int, most: int | None, start: int = 0) -> int:
    return size if most is None else min(size, start + most)


def compile_line_pattern(pattern: object, where: str) -> LinePattern:
    """Raises IF_ERR_MANIFEST_INVALID, naming the member."""
    if not isinstance(pattern, str) or not pattern.startswith("^") or len(pattern) > MAX_PATTERN:
        raise _fault(where, f"is a pattern of at most {MAX_PATTERN} characters that begins with ^")
    texts = _cut(pattern, where)
    try:
        for piece in (pattern, *(texts or ())):
            compile_pattern(piece)
    except ValueError as error:
        raise _fault(where, f"does not compile: {error}") from None
    if texts is None:
        return LinePattern(pattern, None)
    before, within, after = texts
    try:
        spans = measure(before[1:]), measure(within), measure(after, last=True)
    except ValueError as error:
        raise _fault(where, f"takes a group, and {error}") from None
    return LinePattern(pattern, (_Part(before, spans[0]), _Part(within, spans[1]), _Part(after, spans[2])))


def _cut(pattern: str, where: str) -> tuple[str, str, str] | None:
    """The pattern before, in and after its one capturing group."""
    depth = 0
    start = end = -1
    in_class = False
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 1
        elif in_class:
            in_class = char != "]" or pattern[position - 1] == "[" or pattern[position - 2 : position] == "[^"
        elif char == "[":
            in_class = True
        elif char == "(":
            if not pattern.startswith("(?", position):
                if depth or start >= 0:
                    raise _fault(where, "has more than one group, or one in another; (?:…) groups without taking")
                start = position
            elif pattern[position + 2 : position + 3] != ":":
                raise _fault(where, "has a group of a kind that is not taken here; (?:…) is")
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0 and start >= 0 and end < 0:
                end = position
        elif char == "|" and depth == 0:
            raise _fault(where, "has alternatives outside a group")
        position += 1
    if start < 0:
        return None
    if end < 0 or pattern[end + 1 : end + 2] in tuple("*+?{"):
        raise _fault(where, "has a group that is repeated or not closed")
    return pattern[:start], pattern[start + 1 : end], pattern[end + 1 :]


def _fault(where: str, why: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"{where} {why}")
