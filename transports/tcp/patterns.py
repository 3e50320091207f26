"""Patterns for lines: matched without backtracking, and with at most one group to take out of the line. Pure.

The engine is Rust's `regex`, as for every pattern that a publisher signs (`kernel.schemas`). It says whether a pattern
matches, not where; so a pattern with a group is cut at it, and the group found by asking for each way to cut the line.
"""

from __future__ import annotations

from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.schemas import compile_pattern, matches, matches_whole

__all__ = ["LinePattern", "compile_line_pattern"]

MAX_PATTERN = 300
MAX_GROUPED = 4096
"""Characters of a line in which a group is looked for: cutting is quadratic."""


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A pattern that begins with `^`."""

    text: str
    parts: tuple[str, str, str] | None
    """What is before the group, in it, and after it; None where there is none."""

    def matches(self, line: str) -> bool:
        return matches(self.text, line)

    def group(self, line: str) -> str:
        """The group's text in a line that matches; "" where the pattern has none. What is before it takes as much as
        it can, then the group."""
        if self.parts is None or len(line) > MAX_GROUPED:
            return ""
        before, within, after = self.parts
        for start in range(len(line), -1, -1):
            if matches_whole(before, line[:start]):
                for end in range(len(line), start - 1, -1):
                    if matches_whole(within, line[start:end]) and matches(rf"\A(?:{after})", line[end:]):
                        return line[start:end]
        return ""


def compile_line_pattern(pattern: object, where: str) -> LinePattern:
    """Raises IF_ERR_MANIFEST_INVALID, naming the member."""
    if not isinstance(pattern, str) or not pattern.startswith("^") or len(pattern) > MAX_PATTERN:
        raise _fault(where, f"is a pattern of at most {MAX_PATTERN} characters that begins with ^")
    parts = _cut(pattern, where)
    try:
        for piece in (pattern, *(parts or ())):
            compile_pattern(piece)
    except ValueError as error:
        raise _fault(where, f"does not compile: {error}") from None
    return LinePattern(pattern, parts)


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
            in_class = char != "]" or pattern[position - 1 : position] == "["
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
