"""A list of intents in one file, as `ifctl run` performs it and `ifctl watch --file` keeps it.

    name: start of the evening show
    steps:
      - id: opener
        capability: vmix.switcher
        on: vmix@studio-a
        intent: {scene: Intro}
        why: the opener is what viewers see first

The file is plain YAML (or JSON): no anchors, no tags, and `on`, `yes`, `no` are words. `id` is `step-1`, `step-2`, …
where none is given, `on` may be left out where one target fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import ErrorDetails

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.manifest import Hazard
from infrafabric.kernel.words.names import TargetName, capability_id
from infrafabric.registry import plain_yaml

__all__ = ["MAX_BYTES", "Step", "Steps", "read_steps", "too_large"]

MAX_BYTES = 1 << 20
MOST_STEPS = 200
"""In one list: whoever has more to do starts the next list when this one is done."""


def _capability(text: str) -> str:
    try:
        return capability_id(text)
    except FabricError as error:
        raise ValueError(error.message) from None


class Step(Word):
    """One intent of the list."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
    """The step's name in answers; `step-1`, `step-2`, … by its place where left out."""
    capability: Annotated[str, StringConstraints(max_length=200), AfterValidator(_capability)]
    """In full, or short as `vmix.switcher`."""
    on: TargetName | None = None
    """The target, `vmix@studio-a`; may be left out where one fits."""
    intent: Mapping[str, Any]
    """What is wanted, as the capability's own schema has it."""
    why: Annotated[str, StringConstraints(max_length=500)] = ""
    """Recorded with the step, after the reason of the whole list."""
    hazards: tuple[Hazard, ...] = ()
    """Hazards that the author knows of, beyond the manifest's and the adapter's."""


class Steps(Word):
    """A list of intents, in the order in which they are done."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    """For people."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST_STEPS)]
    """One intent each; the names differ."""

    @model_validator(mode="before")
    @classmethod
    def _numbered(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("steps"), list):
            return data
        steps = [
            {"id": f"step-{number}", **step} if isinstance(step, Mapping) else step
            for number, step in enumerate(data["steps"], 1)
        ]
        return {**data, "steps": steps}

    @model_validator(mode="after")
    def _called_differently(self) -> Steps:
        ids = [step.id for step in self.steps]
        if twice := next((name for name in ids if ids.count(name) > 1), None):
            raise ValueError(f"two steps are called {twice}")
        return self


def read_steps(data: bytes) -> Steps:
    """The list that `data` holds. Raises IF_ERR_STEPS_INVALID with the line or the member, IF_ERR_TOO_LARGE."""
    if len(data) > MAX_BYTES:
        raise too_large(f"the list of intents has more than {MAX_BYTES} bytes")
    try:
        return Steps.model_validate(plain_yaml.loads(data))
    except FabricError as error:
        raise FabricError(Code.STEPS_INVALID, f"the list of intents: {error.message}") from None
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FabricError(Code.STEPS_INVALID, f"{_place(first['loc'])}: {_said(first)[:200]}") from None


def too_large(message: str) -> FabricError:
    """IF_ERR_TOO_LARGE of a list, whose limit no setting raises."""
    return FabricError(Code.TOO_LARGE, message, remedy="Split the list: one holds at most 1 MiB and 200 steps.")


_SAID = {
    "missing": "is missing",
    "extra_forbidden": "there is no such member",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "mapping_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "string_too_long": "must have at most {max_length} characters",
}
_FORMS = {
    "id": "must be 1 to 48 small letters, digits, - and _, the first a letter or digit",
    "on": "must name a target, such as vmix@studio-a",
    "hazards": "must be small letters, digits and -, the first a letter",
}


def _said(error: ErrorDetails) -> str:
    """What is wrong, in the words of the file rather than of the library that reads it."""
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        known = [_FORMS[part] for part in error["loc"] if isinstance(part, str) and part in _FORMS]
        return known[-1] if known else "is not of its form"
    if error["type"] == "value_error":
        return str(context["error"])
    said = _SAID.get(error["type"])
    return error["msg"] if said is None else said.format_map(context)


def _place(location: tuple[int | str, ...]) -> str:
    """`step 2: intent` for `("steps", 1, "intent")`."""
    if len(location) > 1 and location[0] == "steps" and isinstance(location[1], int):
        rest = ".".join(map(str, location[2:]))
        return f"step {location[1] + 1}{': ' + rest if rest else ''}"[:200]
    return ".".join(map(str, location))[:200] or "the list of intents"
