"""The JSON Schemas that manifests may hold."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.schemas import FORMATS, MAX_NODES, check_pattern, check_schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^[a-z]+$", "maxLength": 9},
        {"type": "object", "properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}},
        {"$defs": {"level": {"type": "integer"}}, "anyOf": [{"$ref": "#/$defs/level"}, {"type": "null"}]},
        {"enum": ["a", {"type": "no schema at all", "$ref": "http://x"}]},
        {"type": "array", "items": {"type": "string", "format": "date"}, "uniqueItems": True},
        {"const": 3, "$schema": "https://json-schema.org/draft/2020-12/schema"},
    ],
)
def test_what_can_be_checked_anywhere_is_taken(schema: dict[str, Any]) -> None:
    check_schema(schema, "intent")


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"type": "strin"}, "intent.type"),
        ({"properties": {"a": {"minimum": "1"}}}, "intent.properties.a.minimum"),
        ({"properties": {"a": {"$ref": "https://example.com/s.json"}}}, "intent.properties.a.$ref"),
        ({"$ref": "other.json"}, "intent.$ref"),
        ({"$ref": "#/$defs/none"}, "intent.$ref"),
        ({"$ref": "#"}, "intent.$ref"),
        ({"$id": "https://example.com/", "type": "string"}, "intent.$id"),
        ({"$dynamicRef": "#a"}, "intent.$dynamicRef"),
        ({"$schema": "http://json-schema.org/draft-04/schema"}, "intent.$schema"),
        ({"type": "string", "maxlength": 3}, "intent.maxlength"),
        ({"type": "string", "format": "hostname"}, "intent.format"),
        ({"items": {"pattern": "(?=a)"}}, "intent.items.pattern"),
        ({"pattern": "(a)\\1"}, "intent.pattern"),
        ({"pattern": "a" * 501}, "intent.pattern"),
        ({"patternProperties": {"(": True}}, "intent.patternProperties"),
        ({"items": {"$defs": {"a": True}}}, "intent.items.$defs"),
        ({"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}}, "intent.$defs"),
    ],
)  # fmt: skip
def test_what_would_depend_on_elsewhere_or_check_nothing_is_refused(schema: dict[str, Any], where: str) -> None:
    with pytest.raises(FabricError) as caught:
        check_schema(schema, "intent")
    assert caught.value.code is Code.MANIFEST_INVALID
    assert caught.value.message.startswith(where), caught.value.message


def test_references_that_double_at_each_step_are_refused() -> None:
    steps: dict[str, Any] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
    steps["d40"] = {"type": "string"}
    with pytest.raises(FabricError, match=f"more than {MAX_NODES}"):
        check_schema({"$defs": steps, "$ref": "#/$defs/d0"}, "intent")


def test_every_format_that_is_taken_is_checked() -> None:
    assert {"date", "date-time", "email", "ipv4", "ipv6", "regex", "uuid"} == FORMATS


@pytest.mark.parametrize("pattern", [7, None, "[", "a{99999}{99999}"])
def test_a_pattern_that_does_not_compile_is_refused(pattern: object) -> None:
    with pytest.raises(FabricError) as caught:
        check_pattern(pattern, "here")
    assert caught.value.code is Code.MANIFEST_INVALID
