"""What a change alters, attribute by attribute: the pure part of the plan table.

`before` and `after` are an adapter's JSON. Only what differs becomes a `Line`; what stays is counted. A member that is
null on one side is taken as not there on that side. What only the apply will tell is `UNKNOWN`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum, StrEnum
from typing import Any

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.results import is_reference
from infrafabric.kernel.words.manifest import Effect
from infrafabric.kernel.words.plan import Change, Plan

__all__ = ["Altered", "Line", "Mark", "Sign", "altered", "counts", "difference"]

WHOLE_LIST = 8
"""Lists of so many scalars, such as a colour, are shown whole."""
MATCHED_PAIRS = 10_000
"""Lists are matched element by element while the product of their lengths is no more; longer ones by position."""


class Sign(StrEnum):
    """What becomes of a thing: it comes, it changes, it goes."""

    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"


class Mark(Enum):
    """In the place of a value."""

    ABSENT = "absent"
    UNKNOWN = "known after apply"


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute that differs. `path` is made of member names and list positions; () is the value itself."""

    sign: Sign
    path: tuple[str | int, ...]
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Altered:
    """One change: its sign, its attributes that differ, and how many stay."""

    sign: Sign
    lines: tuple[Line, ...]
    same: int = 0


def altered(change: Change, effect: Effect | None) -> Altered:
    """What `change` alters. `effect` is its signed template, which tells an act that creates or destroys."""
    creates, destroys = (effect.creates, effect.destructive) if effect is not None else (False, False)
    new, gone = _is_nothing(change.before), _is_nothing(change.after)
    if new and gone:
        sign = Sign.ADD if creates else Sign.REMOVE if destroys else Sign.CHANGE
        lines = [] if sign is Sign.REMOVE else [Line(sign, (), Mark.ABSENT, Mark.UNKNOWN)]
        same = 0
    elif gone and change.after is None and not destroys:
        sign, same = Sign.CHANGE, 0
        lines = [Line(Sign.CHANGE, (), change.before, Mark.UNKNOWN)]
    else:
        sign = Sign.ADD if new else Sign.REMOVE if gone else Sign.CHANGE
        lines, same = difference(change.before, change.after)
    if sign is Sign.ADD and effect is not None:
        lines = [line for line in lines if line.after is not Mark.UNKNOWN or line.path or not effect.results]
        lines += [Line(Sign.ADD, (name,), Mark.ABSENT, Mark.UNKNOWN) for name in effect.results]
    return Altered(sign, tuple(lines), same)


def counts(plan: Plan, effects: Mapping[str, Effect]) -> dict[str, int]:
    """How many changes of `plan` add, change and remove."""
    found = Counter(altered(change, effects.get(change.effect)).sign for change in plan.changes)
    return {"add": found[Sign.ADD], "change": found[Sign.CHANGE], "remove": found[Sign.REMOVE]}


def difference(before: Any, after: Any) -> tuple[list[Line], int]:
    """The attributes in which two JSON values differ, and how many members and elements are the same in both."""
    lines: list[Line] = []
    same = _compare((), before, after, lines)
    return lines, same


def _compare(path: tuple[str | int, ...], before: Any, after: Any, lines: list[Line]) -> int:
    if is_reference(after):
        lines.append(Line(Sign.CHANGE if before is not None else Sign.ADD, path, _there(before), Mark.UNKNOWN))
        return 0
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _each(path, [(key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])], lines)
    if isinstance(before, Mapping) and before and after is None:
        return _each(path, [(key, value, None) for key, value in before.items()], lines)
    if isinstance(after, Mapping) and after and before is None:
        return _each(path, [(key, None, value) for key, value in after.items()], lines)
    if _is_list(before) and _is_list(after) and not (_is_short(before) and _is_short(after)):
        return _elements(path, before, after, lines)
    sign = Sign.ADD if before is None else Sign.REMOVE if after is None else Sign.CHANGE
    lines.append(Line(sign, path, _there(before), _there(after)))
    return 0


def _each(path: tuple[str | int, ...], members: Iterable[tuple[str, Any, Any]], lines: list[Line]) -> int:
    same = 0
    for key, old, new in members:
        if _is_same(old, new):
            same += 1
        else:
            same += _compare((*path, key), old, new, lines)
    return same


def _elements(path: tuple[str | int, ...], before: Sequence[Any], after: Sequence[Any], lines: list[Line]) -> int:
    if len(before) * len(after) > MATCHED_PAIRS:
        return _pairs(path, before, after, 0, lines)
    same = 0
    matcher = SequenceMatcher(None, [dumps(item) for item in before], [dumps(item) for item in after], autojunk=False)
    for tag, low, high, new_low, new_high in matcher.get_opcodes():
        if tag == "equal":
            same += high - low
        else:
            same += _pairs(path, before[low:high], after[new_low:new_high], low, lines)
    return same


def _pairs(
    path: tuple[str | int, ...], before: Sequence[Any], after: Sequence[Any], first: int, lines: list[Line]
) -> int:
    """Elements side by side; those that only one side has come or go."""
    same = 0
    for offset in range(max(len(before), len(after))):
        place = (*path, first + offset)
        if offset >= len(before):
            lines.append(Line(Sign.ADD, place, Mark.ABSENT, after[offset]))
        elif offset >= len(after):
            lines.append(Line(Sign.REMOVE, place, before[offset], Mark.ABSENT))
        elif _is_same(before[offset], after[offset]):
            same += 1
        else:
            same += _compare(place, before[offset], after[offset], lines)
    return same


def _is_same(one: Any, other: Any) -> bool:
    """Equal as JSON, where true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping) and all(map(_is_nothing, value.values())))


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_short(value: Sequence[Any]) -> bool:
    return len(value) <= WHOLE_LIST and not any(isinstance(item, (Mapping, list, tuple)) for item in value)


def _there(value: Any) -> Any:
    return Mark.ABSENT if value is None else value
