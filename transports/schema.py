"""The JSON Schemas of placeholders, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator

from infrafabric.kernel import schemas
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["compile_schema"]


def compile_schema(schema: Mapping[str, Any], name: str) -> Validator:
    """A validator for the argument `name`. Raises IF_ERR_MANIFEST_INVALID."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise FabricError(
            Code.MANIFEST_INVALID, f"argument {name!r}: its schema is not JSON Schema 2020-12: {error.message[:120]}"
        ) from None
    _walk(schema, name)
    return schemas.compile_schema(schema)


def _walk(schema: object, name: str) -> None:
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
                raise FabricError(Code.MANIFEST_INVALID, f"argument {name!r}: its schema refers outside itself")
            if key == "format" and isinstance(value, str) and value not in schemas.FORMATS.checkers:
                raise FabricError(Code.MANIFEST_INVALID, f"argument {name!r}: the format {value!r} is not checked here")
            _walk(value, name)
    elif isinstance(schema, (list, tuple)):
        for item in schema:
            _walk(item, name)
