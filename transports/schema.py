"""The JSON Schemas of placeholders, compiled once: 2020-12, formats asserted, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from referencing.jsonschema import EMPTY_REGISTRY

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["FORMATS", "compile_schema", "misfit"]

FORMATS = FormatChecker(formats=("date", "email", "ipv4", "ipv6", "regex", "uuid"))
"""The formats that are checked. A schema that names another is refused rather than left unchecked."""

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


def compile_schema(schema: Mapping[str, Any], name: str) -> Validator:
    """A validator for the argument `name`. Raises IF_ERR_MANIFEST_INVALID."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise FabricError(
            Code.MANIFEST_INVALID, f"argument {name!r}: its schema is not JSON Schema 2020-12: {error.message[:120]}"
        ) from None
    _walk(schema, name)
    # Without an empty registry, a reference to another document would be fetched.
    return Draft202012Validator(schema, format_checker=FORMATS, registry=EMPTY_REGISTRY)


def misfit(validator: Validator, value: Any) -> str | None:
    """Why `value` does not fit, in the schema's words and without the value; None if it fits."""
    try:
        if validator.is_valid(value):
            return None
        error = next(validator.iter_errors(value))
    except RecursionError:
        return "nested too deeply"
    return f"{error.validator}: {error.validator_value!r}"[:160]


def _walk(schema: object, name: str) -> None:
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
                raise FabricError(Code.MANIFEST_INVALID, f"argument {name!r}: its schema refers outside itself")
            if key == "format" and isinstance(value, str) and value not in FORMATS.checkers:
                raise FabricError(Code.MANIFEST_INVALID, f"argument {name!r}: the format {value!r} is not checked here")
            _walk(value, name)
    elif isinstance(schema, (list, tuple)):
        for item in schema:
            _walk(item, name)
