"""YAML in the restricted form that can be signed: JSON's types in YAML's dress, one reading for every reader.

Refused: anchors, aliases, tags, merge keys, directives, duplicate keys, empty values, more than one document, and
nesting beyond `MAX_DEPTH`. A plain scalar is null, true, false or a number exactly where JSON says so; `on`, `yes`,
`1_000`, `0o7`, `12:30:45`, `2026-11-21` and all else are strings. Text that is JSON is read as JSON.

Nothing is expanded and each node is built once, so the cost is linear in the size, which the caller caps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from infrafabric.kernel import canonical
from infrafabric.kernel.canonical import Json
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["MAX_DEPTH", "dumps", "loads"]

MAX_DEPTH = 32
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MAX_DIGITS = 40
"""Longer numbers are refused unread: none of them is exact in JSON."""
_WORDS = {"null": None, "true": True, "false": False}
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loads(text: bytes, *, loader: Any = _FAST) -> Json:
    """The JSON value that `text` holds. Raises IF_ERR_MANIFEST_SYNTAX, with the line."""
    try:
        source = text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FabricError(Code.MANIFEST_SYNTAX, f"not UTF-8 at byte {error.start}") from None
    value = _json(source)
    try:
        if value is None:
            value = _document(_Events(yaml.parse(source, Loader=loader)))
        canonical.dumps(value)
    except yaml.YAMLError as error:
        raise FabricError(Code.MANIFEST_SYNTAX, _described(error)) from None
    except FabricError as error:
        raise FabricError(Code.MANIFEST_SYNTAX, error.message) from None
    return value


def dumps(value: Json) -> str:
    """YAML that `loads` reads back as `value`, members in their order.

    Raises IF_ERR_MANIFEST_SYNTAX where no text does.
    """
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    if canonical.dumps(loads(text.encode("utf-8", "surrogatepass"))) != canonical.dumps(value):
        raise FabricError(Code.MANIFEST_SYNTAX, "the value has no plain YAML form")
    return text


def _json(source: str) -> Json | None:
    """The object that `source` is as JSON, or None where it is none: the YAML reader then says what is wrong where."""
    if source.lstrip()[:1] != "{":
        return None
    try:
        value = canonical.loads(source, limit=len(source))
    except FabricError:
        return None
    _check_depth(value, 1)
    return value


def _check_depth(value: Json, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if depth > MAX_DEPTH:
            raise FabricError(Code.MANIFEST_SYNTAX, f"nesting deeper than {MAX_DEPTH}")
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, depth + 1)


class _Events:
    """The parser's events, one at a time."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events

    def next(self) -> Any:
        event = next(self._events)
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, f"the alias *{event.anchor}; repeat the value instead")
        if getattr(event, "anchor", None) is not None:
            raise _refused(event, f"the anchor &{event.anchor}; repeat the value instead")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(event, f"the tag {tag[:60]!r}; values here have JSON's types only")
        return event


def _document(events: _Events) -> Json:
    events.next()  # the stream's start
    start = events.next()
    if not isinstance(start, yaml.DocumentStartEvent):
        raise FabricError(Code.MANIFEST_SYNTAX, "the text is empty")
    if start.version is not None or start.tags:
        raise _refused(start, "a directive (%YAML or %TAG)")
    value = _value(events, events.next(), 1)
    events.next()  # the document's end
    after = events.next()
    if not isinstance(after, yaml.StreamEndEvent):
        raise _refused(after, "a second document")
    return value


def _value(events: _Events, event: Any, depth: int) -> Json:
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if depth > MAX_DEPTH:
        raise _refused(event, f"nesting deeper than {MAX_DEPTH}")
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(item := events.next(), yaml.SequenceEndEvent):
            items.append(_value(events, item, depth + 1))
        return items
    members: dict[str, Json] = {}
    while not isinstance(key := events.next(), yaml.MappingEndEvent):
        name = _key(key)
        if name in members:
            raise _refused(key, f"the member {name[:64]!r} a second time")
        members[name] = _value(events, events.next(), depth + 1)
    return members


def _key(event: Any) -> str:
    if not isinstance(event, yaml.ScalarEvent):
        raise _refused(event, "a member name that is not a string")
    if _is_plain(event) and event.value == "<<":
        raise _refused(event, "a merge key (<<); repeat the members instead")
    return str(event.value)


def _scalar(event: Any) -> Json:
    text = str(event.value)
    if not _is_plain(event):
        return text
    if text == "":
        raise _refused(event, 'an empty value; write null or ""')
    if text in _WORDS:
        return _WORDS[text]
    if _FLOAT.fullmatch(text) is None:
        return text
    if len(text) > _MAX_DIGITS:
        raise _refused(event, "a number of too many digits")
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise _refused(event, f"the number {text}, which is too large")
    return number


def _is_plain(event: Any) -> bool:
    return not event.style  # the two parsers say None and "" of a scalar that is neither quoted nor a block


def _refused(event: Any, what: str) -> FabricError:
    mark = event.start_mark
    return FabricError(Code.MANIFEST_SYNTAX, f"line {mark.line + 1}: {what}")


def _described(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{where}{problem}"[:200]


class _Dumper(yaml.SafeDumper):
    """Writes JSON's types plainly, quotes each string that some YAML reader may take for another type; no aliases."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: object) -> bool:
        return True


_YAML_1_1: Any = yaml.SafeLoader("")


def _plain(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_STRING, text)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    mistakable = _FLOAT.fullmatch(text) or _YAML_1_1.resolve(yaml.ScalarNode, text, (True, False)) != _STRING
    breaks = any(character in text for character in "\x85\u2028\u2029")  # line breaks in YAML 1.1 only
    return dumper.represent_scalar(_STRING, text, style='"' if mistakable or breaks else None)


_STRING = "tag:yaml.org,2002:str"
_Dumper.add_representer(str, _string)
_Dumper.add_representer(bool, lambda dumper, value: _plain(dumper, "true" if value else "false"))
_Dumper.add_representer(int, lambda dumper, value: _plain(dumper, str(value)))
_Dumper.add_representer(float, lambda dumper, value: _plain(dumper, canonical.dumps(value).decode()))
_Dumper.add_representer(type(None), lambda dumper, value: _plain(dumper, "null"))
