"""Checking values against the JSON Schemas that publishers sign: 2020-12, formats asserted, nothing fetched.

Patterns are matched by an engine without backtracking: a publisher's `^(a+)+$` must not stop the kernel. There `$`
means the end of the text and nothing else, so no line feed slips in behind it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic_core import SchemaError, SchemaValidator
from referencing.jsonschema import EMPTY_REGISTRY

__all__ = ["FORMATS", "compile_pattern", "compile_schema", "matches", "matches_whole", "misfit"]

FORMATS = FormatChecker(formats=("date", "email", "ipv4", "ipv6", "regex", "uuid"))
"""The formats that are checked; a manifest that names another is refused rather than left unchecked."""

_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


@FORMATS.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    """RFC 3339 section 5.6."""
    if not isinstance(value, str):
        return True
    if _DATE_TIME.fullmatch(value) is None:
        return False
    datetime.fromisoformat(re.sub(r"\.\d+", "", value.upper()))
    return True


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> SchemaValidator:
    """The pattern in the linear engine (Rust's `regex`). Raises ValueError where it does not compile there."""
    try:
        return SchemaValidator({"type": "str", "pattern": pattern, "regex_engine": "rust-regex", "strict": True})
    except SchemaError as error:
        raise ValueError(str(error).strip().splitlines()[-1][:200]) from None


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` matches somewhere in `text`, as JSON Schema's `pattern` does."""
    return compile_pattern(pattern).isinstance_python(text)


def matches_whole(pattern: str, text: str) -> bool:
    """Whether `pattern` matches the whole of `text`."""
    return compile_pattern(rf"\A(?:{pattern})\z").isinstance_python(text)


def compile_schema(schema: Mapping[str, Any]) -> Validator:
    """A validator for a schema that the registry has taken."""
    # Without an empty registry, a reference to another document would be fetched.
    validator: Validator = _Linear(schema, format_checker=FORMATS, registry=EMPTY_REGISTRY)
    return validator


def misfit(validator: Validator, value: Any) -> tuple[str, str] | None:
    """Where and why `value` does not fit, in the schema's words and without the value; None if it fits."""
    try:
        if validator.is_valid(value):
            return None
        error = best_match(validator.iter_errors(value))
    except RecursionError:
        return "", "nested too deeply"
    assert error is not None
    where = "/".join(str(part) for part in error.absolute_path)
    if error.validator in ("required", "additionalProperties", "unevaluatedProperties"):
        # These name members, which is what the caller needs; a member's name is no value.
        return where, f"{error.validator}: {error.message}"[:300]
    return where, f"{error.validator}: {error.validator_value!r}"[:300]


def _pattern(validator: Validator, pattern: str, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError(f"does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, Mapping):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if matches(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, Mapping):
        return
    patterns = schema.get("patternProperties", {})
    extra = [
        name
        for name in instance
        if name not in schema.get("properties", {}) and not any(matches(pattern, name) for pattern in patterns)
    ]
    if allowed is False and extra:
        yield ValidationError(f"unknown members: {', '.join(repr(str(name)[:60]) for name in extra[:5])}")
    elif isinstance(allowed, Mapping):
        for name in extra:
            yield from validator.descend(instance[name], allowed, path=name)


_Linear = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
