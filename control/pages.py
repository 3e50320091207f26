"""What of docs/ is generated: settings.md from the settings model, errors.md from the error table, steps.schema.json.

`python -m infrafabric.control.pages DOCS` writes them; a test says whether they are current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infrafabric.control.settings import Settings
from infrafabric.control.steps import Steps
from infrafabric.kernel.errors import TABLE

__all__ = ["PAGES", "errors_page", "settings_page", "steps_schema"]


def settings_page() -> str:
    """docs/settings.md: each key with its default, its bounds and the reason."""
    lines = [
        "# Settings",
        "",
        "`infrafabric.toml` in the home. Every key is optional; an unknown key or a bad value stops the kernel with",
        "`IF_ERR_SETTINGS_INVALID`, which names it. No environment variable changes a setting. Lengths of time are in",
        "seconds, sizes in bytes. *This page is generated from the models; edit `control/settings.py` and",
        "`control/door_settings.py` instead.*",
        "",
    ]
    sections: list[tuple[str, type[BaseModel]]] = []
    lines += _table(Settings, skip=True)
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            sections.append((name, field.annotation))
    for name, model in sections:
        about = (model.__doc__ or "").strip().split(": ", 1)[-1]
        lines += ["", f"## [{name}]", "", about[:1].upper() + about[1:], "", *_table(model)]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """docs/errors.md: each code with its statuses and what to do about it."""
    lines = [
        "# Errors",
        "",
        "Every refusal has one cause and one code. On the command line the exit status is 1 for what was refused or",
        "failed and 2 for what was not understood; with `--json` stdout has",
        '`{"error": {"code", "message", "remedy"}}`. *Retry*: whether the same request may succeed later unchanged.',
        "*This page is generated from the table; edit `kernel/errors.py` instead.*",
        "",
        "| code | exit | HTTP | retry | meaning | what to do |",
        "|---|---|---|---|---|---|",
    ]
    for code, spec in TABLE.items():
        retry = "yes" if spec.retryable else "no"
        cells = [f"`{code.value}`", str(spec.exit_code), str(spec.http_status), retry, spec.meaning, spec.remedy]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def steps_schema() -> str:
    """docs/steps.schema.json: the JSON Schema of a list of intents, for editors."""
    schema = Steps.model_json_schema()
    step = schema["$defs"]["Step"]
    step["required"].remove("id")  # numbered where left out
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(described, indent=2, ensure_ascii=True) + "\n"


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "steps.schema.json": steps_schema}


def _table(model: type[BaseModel], *, skip: bool = False) -> Iterator[str]:
    yield "| key | default | allowed | why |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        if skip and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        cells = [f"`{name}`", f"`{_toml(field.default)}`", _bounds(field), " ".join((field.description or "").split())]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
    found: list[str] = []
    for metadata in field.metadata:
        for member, form in words.items():
            if (bound := getattr(metadata, member, None)) is not None:
                found.append(form.format(_toml(bound)))
    return ", ".join(found) or "any"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, str):
        return f'"{value}"'
    return "absent" if value is None else str(value)


def main(folder: Path) -> None:
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
