"""The JSON Schemas that a manifest may hold, for its intent and its placeholders.

They are JSON Schema 2020-12 without what would make checking a value depend on anything but the manifest, silently
check nothing, or cost more than it seems: `$ref` names only `#/$defs/…` of the same schema and never leads back to
itself, keywords and formats that nothing here would check are refused, patterns are of the kind that has no
backtracking, and the schema is small with its references written out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator
from pydantic_core import SchemaError, SchemaValidator

from infrafabric.kernel import canonical
from infrafabric.kernel import schemas as kernel_schemas
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["FORMATS", "MAX_NODES", "check_pattern", "check_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_NODES = 5_000
"""Subschemas in one schema with all references written out."""
MAX_PATTERN = 500
"""Characters of a regular expression."""
FORMATS = frozenset(kernel_schemas.FORMATS.checkers)
"""The formats that are checked wherever InfraFabric runs; others would pass everything."""

_MAPS = ("$defs", "properties", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLES = (
    "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_OTHERS = (
    "$comment", "$ref", "$schema", "const", "default", "dependentRequired", "deprecated", "description", "enum",
    "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems", "maxLength",
    "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf",
    "pattern", "readOnly", "required", "title", "type", "uniqueItems", "writeOnly",
)  # fmt: skip
_KEYWORDS = frozenset((*_MAPS, *_LISTS, *_SINGLES, *_OTHERS))
_REFERENCE = re.compile(r"#/\$defs/([A-Za-z0-9_.-]+)")


def check_schema(schema: Mapping[str, Any], where: str) -> None:
    """Raise IF_ERR_MANIFEST_INVALID, naming the member below `where`, unless `schema` is of the kind told above."""
    problem = _problem(canonical.dumps(schema))
    if problem is not None:
        path, message = problem
        raise _invalid(".".join((where, *path)), message)
    _Walk(schema, where).run()


@functools.lru_cache(maxsize=1024)  # placeholders such as {"type": "string"} stand in every manifest
def _problem(schema: bytes) -> tuple[tuple[str, ...], str] | None:
    """Where and why the metaschema refuses, or None."""
    try:
        Draft202012Validator.check_schema(canonical.loads(schema))
    except jsonschema.SchemaError as error:
        return tuple(map(str, error.absolute_path)), error.message[:200]
    return None


def check_pattern(pattern: object, where: str) -> None:
    """Raise IF_ERR_MANIFEST_INVALID unless `pattern` is a regular expression that can be matched in linear time.

    It must compile for Python and for the Rust engine: so it has no back-references and no look-around.
    """
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        raise _invalid(where, f"a pattern is a string of at most {MAX_PATTERN} characters")
    try:
        re.compile(pattern)
        SchemaValidator({"type": "str", "pattern": pattern, "regex_engine": "rust-regex"})
    except (re.error, SchemaError, RecursionError, OverflowError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise _invalid(where, f"the pattern {pattern[:60]!r} does not compile: {reason[:120]}") from None


class _Walk:
    """One pass over a schema and its definitions, each definition visited once."""

    def __init__(self, root: Mapping[str, Any], where: str) -> None:
        self._root = root
        self._where = where
        self._definitions: dict[str, int] = {}
        self._open: list[str] = []

    def run(self) -> None:
        self._size(self._root, self._where)

    def _size(self, schema: object, where: str) -> int:
        if not isinstance(schema, Mapping):  # true or false
            return 1
        self._check(schema, where)
        size = 1
        for child, path in _children(schema, where):
            size += self._size(child, path)
        if "$ref" in schema:
            size += self._reference(schema["$ref"], where)
        if size > MAX_NODES:
            raise _invalid(where, f"more than {MAX_NODES} subschemas with the references written out")
        return size

    def _check(self, schema: Mapping[str, Any], where: str) -> None:
        for keyword in schema:
            if keyword not in _KEYWORDS:
                raise _invalid(f"{where}.{keyword}"[:200], "a keyword that is unknown, or not taken in manifests")
        if "$schema" in schema and schema["$schema"] != DIALECT:
            raise _invalid(f"{where}.$schema", f"the dialect is {DIALECT}")
        if "$defs" in schema and schema is not self._root:
            raise _invalid(f"{where}.$defs", "definitions stand at the top of a schema")
        if "format" in schema and schema["format"] not in FORMATS:
            known = ", ".join(sorted(FORMATS))
            raise _invalid(
                f"{where}.format", f"{schema['format'][:40]!r} is not checked; use a pattern, or one of {known}"
            )
        if "pattern" in schema:
            check_pattern(schema["pattern"], f"{where}.pattern")
        for pattern in schema.get("patternProperties", ()):
            check_pattern(pattern, f"{where}.patternProperties")

    def _reference(self, reference: str, where: str) -> int:
        found = _REFERENCE.fullmatch(reference)
        name = found[1] if found else ""
        if not found or name not in self._root.get("$defs", {}):
            raise _invalid(f"{where}.$ref", f"{reference[:80]!r} is no #/$defs/… of this schema")
        if name in self._open:
            raise _invalid(f"{where}.$ref", f"{reference[:80]!r} leads back to itself")
        if name not in self._definitions:
            self._open.append(name)
            self._definitions[name] = self._size(self._root["$defs"][name], f"{self._where}.$defs.{name}")
            self._open.pop()
        return self._definitions[name]


def _children(schema: Mapping[str, Any], where: str) -> Iterator[tuple[object, str]]:
    for keyword in _MAPS:
        for name, child in schema.get(keyword, {}).items():
            yield child, f"{where}.{keyword}.{name}"
    for keyword in _LISTS:
        for index, child in enumerate(schema.get(keyword, ())):
            yield child, f"{where}.{keyword}.{index}"
    for keyword in _SINGLES:
        if keyword in schema:
            yield schema[keyword], f"{where}.{keyword}"


def _invalid(where: str, what: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"{where}: {what}")
