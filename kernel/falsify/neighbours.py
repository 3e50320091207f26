"""Neighbours of an intent: intents that differ from it in one place, and fit the same JSON Schema. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.schemas import compile_schema, misfit

__all__ = ["neighbours"]


def neighbours(
    schema: Mapping[str, Any], intent: Mapping[str, Any], most: int, may: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """At most `most` intents beside `intent`, each valid and one that `may` be asked for, none twice.

    Their order depends on `schema` and `intent` alone.
    """
    validator = compile_schema(dict(schema))
    seen = {dumps(dict(intent))}
    found: list[dict[str, Any]] = []
    for candidate in _varied(schema, dict(intent)):
        if not isinstance(candidate, dict) or len(found) >= most:
            continue
        key = dumps(candidate)
        if key not in seen and misfit(validator, candidate) is None:
            seen.add(key)
            if may(candidate):
                found.append(candidate)
    return found


def _varied(schema: Any, value: Any) -> Iterator[Any]:
    schema = schema if isinstance(schema, Mapping) else {}
    for other in schema.get("enum", ()):
        yield other
    for kind in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(kind, ()):
            yield from _varied(branch, value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield from _numbers(schema, value)
    elif isinstance(value, dict):
        yield from _objects(schema, value)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            for other in _varied(schema.get("items", {}), item):
                yield [*value[:position], other, *value[position + 1 :]]
        if len(value) > 1:
            yield value[:-1]


def _numbers(schema: Mapping[str, Any], value: int | float) -> Iterator[Any]:
    for bound in ("minimum", "maximum"):
        if bound in schema:
            yield schema[bound]
    yield value + 1
    yield value - 1
    yield 0


def _objects(schema: Mapping[str, Any], value: dict[str, Any]) -> Iterator[Any]:
    properties = schema.get("properties", {})
    for name, item in value.items():
        below = properties.get(name, schema.get("additionalProperties", {}))
        for other in _varied(below, item):
            yield {**value, name: other}
    for name in value:
        yield {other: item for other, item in value.items() if other != name}
    for name, below in properties.items():
        if name not in value and isinstance(below, Mapping):
            for other in _samples(below):
                yield {**value, name: other}


def _samples(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Values for a member that the intent leaves out."""
    yield from schema.get("enum", ())
    kind = schema.get("type")
    if kind == "boolean":
        yield True
        yield False
    elif kind in ("integer", "number"):
        yield schema.get("minimum", 0)
        if "maximum" in schema:
            yield schema["maximum"]
