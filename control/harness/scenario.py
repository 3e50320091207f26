"""The scenario that an adapter ships beside its manifests: `conformance.yaml`, so that a check needs no person.

    peer: infrafabric.control.demo.simulator     # a module with `peer()`, started afresh for every case
    manifests:
      switcher.yaml:
        cases:
          - {name: cut, intent: {scene: Intro}, effects: [cut]}
        refused:
          - {intent: {scene: Nowhere}, code: IF_ERR_ADAPTER_REFUSED, says: no input}

Without a peer, a case names recorded answers (`answers: {state: tests/state.xml}`, files below the folder); what needs
a world to write to is then skipped, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import Field, StringConstraints

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.plan import Call
from infrafabric.registry import plain_yaml

__all__ = ["SCENARIO_FILE", "Case", "Refused", "Scenario", "Suite", "read_scenario"]

SCENARIO_FILE = "conformance.yaml"
MAX_BYTES = 1 << 20
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")]


class Case(Word):
    """An intent that can be met."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    intent: Mapping[str, Any]
    arrange: tuple[Call, ...] = ()
    """Writes of the same manifest that bring the peer to where the case begins."""
    effects: tuple[str, ...] | None = None
    """The effects that the plan must hold, in order. `[]`: nothing to do."""
    answers: Mapping[str, FileName] = {}
    """Where there is no peer: a file with the recorded answer, by read effect."""


class Refused(Word):
    """An intent that must be refused, with which code, saying what."""

    name: str = ""
    intent: Mapping[str, Any]
    code: Code
    says: str = ""
    arrange: tuple[Call, ...] = ()
    answers: Mapping[str, FileName] = {}


class Suite(Word):
    """What is checked of one manifest."""

    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=500)]
    refused: Annotated[tuple[Refused, ...], Field(max_length=500)] = ()


class Scenario(Word):
    peer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")] | None = None
    at_once: Annotated[int, Field(ge=1, le=64)] = 8
    """Cases that run at the same time, each with a peer of its own; 1 for a peer that there is only one of."""
    manifests: Mapping[str, Suite]


def read_scenario(folder: Path) -> Scenario:
    """The scenario in `folder`. Raises IF_ERR_SCENARIO_INVALID, saying where, also where there is none."""
    path = folder / SCENARIO_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise FabricError(Code.SCENARIO_INVALID, f"{SCENARIO_FILE} cannot be read: {error.strerror}") from None
    if len(text) > MAX_BYTES:
        raise FabricError(Code.SCENARIO_INVALID, f"{SCENARIO_FILE} has more than {MAX_BYTES} bytes")
    try:
        return Scenario.model_validate(plain_yaml.loads(text))
    except FabricError as error:
        raise FabricError(Code.SCENARIO_INVALID, f"{SCENARIO_FILE}: {error.message}") from None
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise FabricError(Code.SCENARIO_INVALID, f"{SCENARIO_FILE}: {where}: {first['msg'][:200]}") from None
