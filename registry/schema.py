"""The published JSON Schema of manifests, generated from the model.

`python -m infrafabric.registry.schema` prints it, `… --write` puts it into `registry/manifest.schema.json`.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from infrafabric.kernel.words import manifest as words
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.registry.schemas import DIALECT

__all__ = ["PATH", "published"]

PATH = Path(__file__).parent / "manifest.schema.json"


def published() -> str:
    """The schema as JSON text, two spaces of indent and a final line feed."""
    schema = Manifest.model_json_schema(by_alias=True)
    notes = _member_notes()
    for name, part in [("Manifest", schema), *schema["$defs"].items()]:
        for member, member_schema in part.get("properties", {}).items():
            note = notes.get((name, "body" if member == "json" else member))
            if note and "$ref" not in member_schema:
                member_schema["description"] = note
    _tidy(schema)
    secrets = schema["$defs"]["Requires"]["properties"]["secrets"]
    schema["properties"]["requires_secrets"] = {**secrets, "description": "The older spelling of requires.secrets."}
    head = {"$schema": DIALECT, "title": "InfraFabric manifest"}
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


def _tidy(schema: Any) -> None:
    """Close what pydantic leaves open: members that fit no pattern, and digits (ASCII in ECMA-262, not in Python)."""
    if isinstance(schema, list):
        for item in schema:
            _tidy(item)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("title"), str):
        del schema["title"]
    if isinstance(schema.get("description"), str):
        schema["description"] = " ".join(schema["description"].split())
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = schema["pattern"].replace(r"\d", "[0-9]")
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    for item in schema.values():
        _tidy(item)


def _member_notes() -> dict[tuple[str, str], str]:
    """(class, member) → the string that stands below the member in the model's source."""
    notes: dict[tuple[str, str], str] = {}
    for model in ast.parse(inspect.getsource(words)).body:
        if not isinstance(model, ast.ClassDef):
            continue
        for member, below in zip(model.body, model.body[1:], strict=False):
            if (
                isinstance(member, ast.AnnAssign)
                and isinstance(member.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                notes[model.name, member.target.id] = below.value.value
    return notes


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PATH.write_text(published(), "utf-8")
    else:
        sys.stdout.write(published())
